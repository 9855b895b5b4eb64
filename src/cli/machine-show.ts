/** `show` of a machine's programs, maps and links. */
import type { Machine } from '../machine/index.ts';
import type { CommandCall } from './command.ts';
import type { CliIo } from './io.ts';
import { type Kinds, takeObjects } from './machine-choice.ts';
import { onMachine } from './machine-file.ts';

/** Those that the operands name, or all; as bpftool, one that was asked for alone is no list. */
export function showObjects<K extends keyof Kinds, Json>(
  call: CommandCall,
  io: CliIo,
  kind: K,
  jsonOf: (machine: Machine, object: Kinds[K]) => Json,
  textOf: (json: Json) => string,
): Promise<number> {
  return onMachine(call, io, {
    changes: false,
    run({ machine }) {
      const words = [...call.operands];
      const single = words.length > 0;
      const found = takeObjects(machine, kind, words).map((one) => jsonOf(machine, one));
      return {
        json: single && found.length === 1 ? found[0] : found,
        text: found.map(textOf).join(''),
      };
    },
  });
}
