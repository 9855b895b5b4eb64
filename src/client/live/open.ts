import { type Btf, parseBtf } from '../../btf/index.ts';
import { LiveSource } from './memory.ts';
import { makeNode } from './node.ts';
import type { SharedView } from './share.ts';
import type { Live } from './types.ts';

/**
 * Opens a view that another thread shared: the same live value, and nobody is asked. Throws at its
 * accesses what the view itself throws.
 *
 * ```ts
 * // thread A
 * worker.postMessage(maps.taskStorage.view(task).$share());
 * // thread B
 * parentPort.on('message', (shared) => report(openView(shared).$number('hits')));
 * ```
 */
export function openView<T>(shared: SharedView<T>): Live<T> {
  const { place, names, offset, typeId, btf } = shared;
  const source = new LiveSource(place, offset, false, names);
  return makeNode(source, btfOf(btf), typeId, 0) as unknown as Live<T>;
}

/** Types that came in messages, by their bytes: each message has a copy of its own. */
const received = new Map<string, Btf>();

function btfOf(bytes: Uint8Array): Btf {
  const key = new TextDecoder('latin1').decode(bytes);
  let btf = received.get(key);
  if (!btf) received.set(key, (btf = parseBtf(bytes)));
  return btf;
}
