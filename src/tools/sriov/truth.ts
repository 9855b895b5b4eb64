/** What really went through a card, told by the card itself and by nothing that observes it. */
import type { CardEvent, CardPath, KernelNic } from '../../kernel/index.ts';

/** Bytes a function sent (tx) and got (rx). */
export interface BothWays {
  tx: number;
  rx: number;
}

/** The truth about one function. */
export interface VfTruth extends BothWays {
  readonly paths: Readonly<Record<CardPath, BothWays>>;
  /** 5-tuples it sent or got. */
  readonly flows: Set<string>;
}

const none = (): BothWays => ({ tx: 0, rx: 0 });
const HEADERS = 14 + 20;

/** Listens to a card until it is disposed of. */
export class Truth implements Disposable {
  readonly vfs: readonly VfTruth[];
  readonly #listening: Disposable;

  constructor(nic: KernelNic) {
    this.vfs = nic.vfs.map(() => ({
      ...none(),
      paths: { embedded: none(), offload: none(), slow: none() },
      flows: new Set<string>(),
    }));
    this.#listening = nic.observe((event) => this.#note(event));
  }

  #note({ vf, direction, path, data }: CardEvent): void {
    const truth = this.vfs[vf]!;
    truth[direction] += data.length;
    truth.paths[path][direction] += data.length;
    const flow = tupleOf(data);
    if (flow !== undefined) truth.flows.add(flow);
  }

  [Symbol.dispose](): void {
    this.#listening[Symbol.dispose]();
  }
}

/** Protocol, addresses and ports of an IPv4 frame of a scenario, as a key. */
function tupleOf(data: Uint8Array): string | undefined {
  if (data.length < HEADERS + 4 || data[12] !== 8 || data[13] !== 0) return undefined;
  return `${data[23]} ${data.subarray(26, 38).join('.')}`;
}
