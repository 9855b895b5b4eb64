import type { LoadedCode, ProgramFault } from '../../engine/index.ts';
import type { PacketRing } from './ring.ts';

/** A packet that stopped its program. */
export interface LaneFault {
  readonly slot: number;
  readonly fault: ProgramFault;
}

/** One CPU's share of the packets: its ring and the way to run it. */
export interface Lane {
  readonly ring: PacketRing;
  /** Faults of the last run, by slot ascending. */
  readonly faults: readonly LaneFault[];
  /** Runs the program over everything in the ring. */
  run(): void | Promise<void>;
}

/**
 * Runs a program over `count` packets of a ring from its first on, going on behind each packet that
 * faults. Returns the faults.
 */
export function runRing(
  code: LoadedCode,
  ring: Pick<PacketRing, 'runtime' | 'hook' | 'contexts' | 'results' | 'times'>,
  count: number,
): LaneFault[] {
  const faults: LaneFault[] = [];
  const stride = ring.hook.contextSize;
  let done = 0;
  while (done < count) {
    const contexts = ring.contexts + done * stride;
    const results = ring.results + done * 4;
    done += code.batch(contexts, stride, count - done, results, ring.times + done * 8);
    if (done >= count) break;
    ring.runtime.i32()[(ring.results >>> 2) + done] = ring.hook.faultCode;
    faults.push({ slot: done, fault: code.fault! });
    done++;
  }
  return faults;
}

/** A lane that runs where it is called. */
export class LocalLane implements Lane {
  readonly ring: PacketRing;
  faults: readonly LaneFault[] = [];
  readonly #code: LoadedCode;

  constructor(ring: PacketRing, code: LoadedCode) {
    this.ring = ring;
    this.#code = code;
  }

  run(): void {
    this.faults = runRing(this.#code, this.ring, this.ring.count);
  }
}
