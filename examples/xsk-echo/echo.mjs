// The echo service in user space: what the socket gets goes back, addresses and ports exchanged.

/** struct arrival of echo.bpf.c: what the card said, in front of each packet. */
export const ARRIVAL = 24;

/** Reads it. What the card did not say is undefined. */
export function arrivalOf(metadata) {
  const view = new DataView(metadata.buffer, metadata.byteOffset, metadata.length);
  const missing = view.getUint32(20, true);
  return {
    received: missing & 1 ? undefined : view.getBigUint64(0, true),
    hash: missing & 2 ? undefined : view.getUint32(8, true),
    tag: missing & 4 ? undefined : view.getUint16(18, true),
  };
}

/** The answer to an echo request: UDP over IPv4, without a checksum yet. */
export function answerTo(request) {
  const answer = request.slice();
  const swap = (one, other, size) => {
    answer.set(request.subarray(other, other + size), one);
    answer.set(request.subarray(one, one + size), other);
  };
  swap(0, 6, 6);
  swap(26, 30, 4);
  swap(34, 36, 2);
  return answer;
}

/**
 * Serves an AF_XDP socket: answers what waits, and gives a row for each answer the card says it
 * sent. `work`: called between request and answer, for what the service takes its time with.
 */
export class EchoServer {
  #socket;
  #work;
  #pending = new Map();

  constructor(socket, work = () => {}) {
    this.#socket = socket;
    this.#work = work;
  }

  /** Answers everything that waits. The card is asked for the checksum and for the time. */
  answerAll() {
    const { waiting } = this.#socket;
    for (let i = 0; i < waiting; i++) {
      const { data, metadata } = this.#socket.receive({ metadata: ARRIVAL });
      const arrival = arrivalOf(metadata);
      this.#work(data);
      const answer = answerTo(data);
      const address = this.#socket.send(answer, { checksum: true, timestamp: true });
      this.#pending.set(address, { ...arrival, length: data.length });
    }
    return waiting;
  }

  /** Answers that are on the wire now: nanoseconds from the request's arrival to the sending. */
  sent() {
    return this.#socket.completed().map(({ address, timestamp }) => {
      const request = this.#pending.get(address);
      this.#pending.delete(address);
      return { ...request, sent: timestamp, latency: Number(timestamp - request.received) };
    });
  }
}
