/** All packets of a capture through a program, and how often each instruction ran. */
import type { Coverage } from '../protocol.ts';
import type { Objects } from './objects.ts';
import { machineWith } from './runs.ts';

/** Packets run at most, and between looks at what else is asked of the worker. */
const MOST = 200_000;
const AT_ONCE = 2000;

/** On a machine of its own, in the order of the capture. Rejects with VerifierError. */
export async function coverageOf(
  objects: Objects,
  name: string,
  program: string,
  packets: readonly Uint8Array[],
): Promise<Coverage> {
  const { host, stepper, run } = await machineWith(objects, name, program, { profile: true });
  using _host = host;
  const verdicts = new Map<string, number>();
  const count = Math.min(packets.length, MOST);
  for (let i = 0; i < count; i++) {
    const verdict = outcomeOf(() => run(packets[i]!));
    verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    if (i % AT_ONCE === AT_ONCE - 1) await new Promise((resolve) => setTimeout(resolve));
  }
  const code = stepper.codes.find(({ image }) => image.name === program)!;
  return {
    packets: count,
    left: packets.length - count,
    counts: code.counts(),
    verdicts: [...verdicts].sort((a, b) => b[1] - a[1]),
  };
}

/** A packet that ends in a fault does not end the others. */
function outcomeOf(run: () => string): string {
  try {
    return run();
  } catch (error) {
    return (error as Error).message;
  }
}
