import { usageError } from './exit.ts';
import type { CommandCall } from './command.ts';
import type { CliIo } from './io.ts';
import { onMachine } from './machine-file.ts';

/** `btf show [id N]`, with bpftool's keys (show_btf_json). */
export function show(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: false,
    run({ machine }) {
      const [way, id] = call.operands;
      if (way !== undefined && (way !== 'id' || !id)) throw usageError("'id N' is expected");
      const { btfs, programs, maps } = machine.objects;
      const asked = [...btfs].filter((one) => id === undefined || one.id === Number(id));
      const found = asked.map((btf) => ({
        id: btf.id,
        size: btf.bytes.length,
        prog_ids: [...programs].flatMap((one) => (one.parts.btf === btf ? [one.id] : [])),
        map_ids: [...maps].flatMap((one) => (one.btf === btf ? [one.id] : [])),
        kernel: btf.kernel,
        ...(btf.name !== '' && { name: btf.name }),
      }));
      const lines = found.map((one) => {
        const ids = (word: string, list: readonly number[]) =>
          list.length === 0 ? '' : `  ${word} ${list.join(',')}`;
        const name = one.name === undefined ? '<anon>' : `[${one.name}]`;
        const users = ids('prog_ids', one.prog_ids) + ids('map_ids', one.map_ids);
        return `${one.id}: name ${name}  size ${one.size}B${users}\n`;
      });
      return { json: found, text: lines.join('') };
    },
  });
}
