/** Calls of the worker. */
import type { StudioApi } from './protocol.ts';

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

const waiting = new Map<number, Waiting>();
let worker: Worker | undefined;
let calls = 0;

function theWorker(): Worker {
  if (worker) return worker;
  worker = new Worker(new URL('./engine/worker.ts', import.meta.url), { type: 'module' });
  worker.addEventListener('message', ({ data }: MessageEvent<Answer>) => {
    const call = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.error === undefined) call?.resolve(data.value as never);
    else call?.reject(new Error(data.error));
  });
  worker.addEventListener('error', ({ message }) => {
    for (const { reject } of waiting.values()) reject(new Error(message || 'the worker ended'));
    waiting.clear();
  });
  return worker;
}

/** The worker's functions; rejected with an Error whose message is for people. */
export const engine: StudioApi = new Proxy({} as StudioApi, {
  get:
    (_, method: string) =>
    (...args: unknown[]) =>
      new Promise((resolve, reject) => {
        const id = calls++;
        waiting.set(id, { resolve, reject });
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has none
        theWorker().postMessage({ id, method, args });
      }),
});
