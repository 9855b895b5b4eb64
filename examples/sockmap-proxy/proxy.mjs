// A TCP proxy in a namespace of its own: it accepts connections and makes one to the backend for
// each. With `maps` the kernel moves the bytes; without, user space reads and writes them.

/** `namespace`: where it runs; `to`: the backend; `maps`: those of proxy.bpf.o. */
export class Proxy {
  /** Bytes that passed through user space, and the calls it took. */
  copied = 0;
  calls = 0;
  #pairs = [];
  #listener;

  constructor(namespace, { port, to, maps }) {
    this.namespace = namespace;
    this.to = to;
    this.maps = maps;
    this.#listener = namespace.socket({ type: 'tcp', port }).listen();
  }

  /** Takes what waits: new connections, and without maps the bytes of the old ones. */
  work() {
    for (let front = this.#listener.accept(); front; front = this.#listener.accept()) {
      const back = this.namespace.connect({ type: 'tcp', to: this.to });
      // Each under the other's cookie: that is who it answers to.
      this.maps?.peers.setSocket(BigInt(front.cookie), back);
      this.maps?.peers.setSocket(BigInt(back.cookie), front);
      this.#pairs.push([front, back]);
    }
    for (const [front, back] of this.#pairs) {
      this.#copy(front, back);
      this.#copy(back, front);
    }
  }

  #copy(from, to) {
    for (let got = from.receive(); got; got = from.receive()) {
      this.calls++;
      if (got.data.length === 0) {
        if (to.state === 'established') to.shutdown();
        return;
      }
      for (let at = 0; at < got.data.length; this.calls++) at += to.send(got.data.subarray(at));
      this.copied += got.data.length;
    }
  }

  close() {
    for (const socket of this.#pairs.flat()) socket.close();
    this.#listener.close();
  }
}
