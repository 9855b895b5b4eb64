import type { Datagram, Listener, ListenOptions } from '../../../kernel/index.ts';

/** Who in a namespace wants which packets: in place of sockets. */
export class Receivers {
  readonly #all = new Set<{ readonly options: ListenOptions; readonly receiver: Listener }>();

  add(options: ListenOptions, receiver: Listener): Disposable {
    const entry = { options, receiver };
    this.#all.add(entry);
    return { [Symbol.dispose]: () => void this.#all.delete(entry) };
  }

  /** Gives a datagram to all that fit; the answers they have. */
  deliver(datagram: Datagram): { answers: (Uint8Array | string)[]; taken: boolean } {
    const answers: (Uint8Array | string)[] = [];
    let taken = false;
    const now = Array.from(this.#all);
    for (const { options, receiver } of now) {
      const { protocol = datagram.protocol, port = datagram.destinationPort } = options;
      if (protocol !== datagram.protocol || port !== datagram.destinationPort) continue;
      taken = true;
      const answer = receiver(datagram);
      if (answer !== undefined) answers.push(answer as Uint8Array | string);
    }
    return { answers, taken };
  }
}
