// One benchmark, all sides, one after the other: first the same results, then times.
import { BeeyardProgram, VARIANTS } from './beeyard.mjs';
import { NativeProgram } from './native.mjs';
import { summarise } from './stats.mjs';

const MS = 1e6;

/** What two runs leave behind: both return values, a digest of the maps, a hash of all memory. */
async function outcome(side) {
  const setup = await side.setup();
  const first = await side.run(1);
  const second = await side.run(1);
  return [setup, first, second, await side.check(), await side.hash()].join(' ');
}

/** Creates the sides of a benchmark. A side that cannot be made is an error text in `failed`. */
function open(program, context, failed) {
  const sides = {};
  if (context.native) {
    sides.native = new NativeProgram(
      program.name,
      program.packets ? context.packetFile : undefined,
    );
  }
  for (const variant of context.variants) {
    try {
      const packets = program.packets ? context.packets : [];
      sides[variant] = new BeeyardProgram(context.beeyard, program.name, variant, packets);
    } catch (error) {
      failed[variant] = String(error?.message ?? error);
    }
  }
  return sides;
}

/** Drops the sides whose results differ from the first one's (native, if there is a compiler). */
async function verify(sides, failed) {
  let expected;
  for (const [name, side] of Object.entries(sides)) {
    try {
      const result = await outcome(side);
      expected ??= result;
      if (result !== expected) throw new Error(`wrong result: ${result}, expected ${expected}`);
    } catch (error) {
      failed[name] = String(error?.message ?? error);
      side.close();
      delete sides[name];
    }
  }
}

/**
 * Runs until V8's optimising compiler, which works on another thread, has had its say: at least
 * `warmup` ms, then until ten samples are no better than those before, at most `warmup` * 6.
 */
export async function warmUp(side, { warmup, sampleNs }) {
  const chunk = 10;
  const chunks = Math.ceil((warmup * MS) / (chunk * sampleNs));
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < chunks * 6; i++) {
    const fastest = Math.min(...(await side.time(chunk, sampleNs)));
    if (i >= chunks && fastest > best * 0.97) return;
    best = Math.min(best, fastest);
  }
}

/** Times all sides in turn, `rounds` times. Interpreters get fewer, longer samples. */
async function time(sides, timing) {
  const { rounds, samples, sampleNs } = timing;
  const times = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, side] of Object.entries(sides)) {
      const count = VARIANTS[name]?.engine === 'interpreter' ? Math.ceil(samples / 5) : samples;
      if (round === 0) await warmUp(side, timing);
      times[name].push(await side.time(count, sampleNs));
    }
  }
  return times;
}

/**
 * Measures one benchmark. Returns { name, calls, times: {side: {best, median, rounds}}, failed },
 * times in ns a call or, for packet programs, a packet.
 */
export async function measure(program, context) {
  const failed = {};
  const sides = open(program, context, failed);
  await verify(sides, failed);
  const times = await time(sides, context.timing);
  for (const side of Object.values(sides)) side.close();
  const per = program.packets ? context.packets.length : 1;
  const summaries = Object.entries(times).map(([name, rounds]) => {
    const scaled = rounds.map((list) => list.map((value) => value / per));
    return [name, summarise(scaled)];
  });
  return { ...program, times: Object.fromEntries(summaries), failed };
}
