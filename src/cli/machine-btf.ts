import { btfId, btfOutput } from './btf-words.ts';
import type { CommandCall } from './command.ts';
import type { CliIo } from './io.ts';
import { onMachine } from './machine-file.ts';

/** `btf show [id N]`, with bpftool's keys (show_btf_json). */
export function show(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: false,
    run({ machine }) {
      const id = btfId(call.operands);
      const { btfs, programs, maps } = machine.objects;
      const asked = [...btfs].filter((one) => id === undefined || one.id === id);
      const found = asked.map((btf) => ({
        id: btf.id,
        size: btf.bytes.length,
        prog_ids: [...programs].flatMap((one) => (one.parts.btf === btf ? [one.id] : [])),
        map_ids: [...maps].flatMap((one) => (one.btf === btf ? [one.id] : [])),
        kernel: btf.kernel,
        ...(btf.name !== '' && { name: btf.name }),
      }));
      return btfOutput(found);
    },
  });
}
