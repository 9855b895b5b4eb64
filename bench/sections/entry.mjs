// What it costs to enter a program: from the batch loop, and from JavaScript packet by packet.
import { BeeyardProgram } from '../lib/beeyard.mjs';
import { summarise } from '../lib/stats.mjs';
import { nanoseconds, table } from '../lib/table.mjs';

const SHOWN = ['xdp_min', 'xdp_count', 'xdp_parse'];

export const title = 'Entering a program: ns a packet';

function measureEntry(context, name) {
  const { packets, timing } = context;
  const side = new BeeyardProgram(context.beeyard, name, 'unchecked', packets);
  side.setup();
  const ways = { batch: () => side.once(), javascript: () => side.onceFromJavaScript() };
  const figures = Object.entries(ways).map(([way, once]) => {
    side.time(40, timing.sampleNs, once);
    const rounds = Array.from({ length: timing.rounds }, () =>
      side.time(timing.samples, timing.sampleNs, once).map((value) => value / packets.length),
    );
    return [way, summarise(rounds)];
  });
  side.close();
  return { name, ...Object.fromEntries(figures) };
}

export async function run(context) {
  return SHOWN.filter(context.wants).map((name) => {
    context.progress(name);
    return measureEntry(context, name);
  });
}

export function render(results) {
  const head = ['program', 'batch loop in wasm', 'code.run(ctx) from JavaScript', 'entry costs'];
  const rows = results.map(({ name, batch, javascript }) => [
    name,
    nanoseconds(batch.best),
    nanoseconds(javascript.best),
    nanoseconds(javascript.best - batch.best),
  ]);
  return table([head, ...rows]);
}
