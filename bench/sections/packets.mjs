// Packet programs: the batch loop runs inside WebAssembly, over packets in linear memory.
import { measure } from '../lib/measure.mjs';
import { nanoseconds, ratio, table } from '../lib/table.mjs';
import { programs } from '../programs.mjs';
import { against } from './programs.mjs';

const SHOWN = ['xdp_min', 'xdp_count', 'xdp_fw', 'xdp_lru', 'xdp_parse'];

export const title = 'Packets: 1,024 packets of 60 to 1,514 bytes in memory, one worker';

/** Takes what the programs section measured in this run, and measures what is missing. */
export async function run(context) {
  const results = [];
  for (const name of SHOWN.filter(context.wants)) {
    context.progress(name);
    const known = context.measured.programs?.find((result) => result.name === name);
    const program = programs.find((one) => one.name === name);
    results.push(known ?? (await measure(program, context)));
  }
  return results;
}

const millions = (side) => (side ? (1000 / side.best).toFixed(1) : '–');

export function render(results) {
  const head = ['program', '', 'native ns', 'wasm ns', 'x', 'checked x', 'M packets/s', 'checked'];
  const rows = results.map((result) => {
    const { native, unchecked, checked } = result.times;
    return [
      result.name,
      result.title,
      nanoseconds(native?.best),
      nanoseconds(unchecked?.best),
      ratio(against(result, 'unchecked', 'best')),
      ratio(against(result, 'checked', 'best')),
      millions(unchecked),
      millions(checked),
    ];
  });
  return table([head, ...rows], { left: 2 });
}
