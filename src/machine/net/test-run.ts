import { type Runtime, type RuntimeOwner, socketPointer } from '../../runtime/index.ts';
import {
  G_CGROUP,
  GLOBALS,
  SKB_CGROUP,
  SKB_SK,
  SKB_SOCKET_COOKIE,
  SOCKET_SIZE,
  SOCKET_STATE,
} from '../../runtime/layout.ts';
import {
  enterStorages,
  linkStorages,
  NO_STORAGES,
  type Storages,
  unlinkStorage,
} from '../cgroup/storage.ts';
import type { MachineProgram } from '../program.ts';

/** No cgroup has that id, and nobody attaches in that way. */
const NO_CGROUP = 2n ** 64n - 1n;
const NO_ATTACH_TYPE = 0xffffffff;
/** The cookie of a socket that is in no table. */
const NO_SOCKET = 1;
const TCP_CLOSE = 7;

/**
 * What BPF_PROG_TEST_RUN lends a program: the packet is of a socket of no family, and cgroup
 * storage is new. Both are gone after the run, and what the socket owns with it.
 */
export class TestRunLoans {
  readonly #runtime: Runtime;
  /** The socket of programs that can store nothing with it: nobody knows it again. */
  #plain = 0;
  /** That of the program that runs now. */
  #owner: RuntimeOwner | undefined;
  #lent: Storages = NO_STORAGES;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** The context at an address is of the socket (bpf_prog_test_run_skb: sk_alloc). */
  lendSocket(context: number): void {
    const object = this.#owner?.object ?? this.#plainSocket();
    const words = this.#runtime.u32();
    words[(object + SOCKET_STATE) >>> 2] = TCP_CLOSE;
    const word = context >>> 2;
    words[word + SKB_SOCKET_COOKIE / 4] = this.#owner?.number ?? NO_SOCKET;
    words[word + SKB_CGROUP / 4] = words[(GLOBALS + G_CGROUP) >>> 2]!;
    const pointer = socketPointer(this.#runtime, object);
    this.#runtime.view().setBigUint64(context + SKB_SK, pointer, true);
  }

  #plainSocket(): number {
    return (this.#plain ||= this.#runtime.allocate(SOCKET_SIZE, 16));
  }

  /** What the caller sees of the context after the run has no pointer to the socket. */
  hideSocket(context: Uint8Array): void {
    context.fill(0, SKB_SK, SKB_SK + 8);
  }

  /** Lends what a program's maps need, until `takeBack`. Throws KernelError ENOMEM. */
  lendStorage(program: MachineProgram): void {
    this.#lent = linkStorages(this.#runtime, program, NO_CGROUP, NO_ATTACH_TYPE);
    enterStorages(this.#runtime, this.#lent, true);
    if (program.maps.some(({ facts }) => facts.keyIs === 'socket')) {
      this.#owner = this.#runtime.createOwner('socket');
    }
  }

  takeBack(): void {
    enterStorages(this.#runtime, this.#lent, false);
    for (const storage of this.#lent) unlinkStorage(this.#runtime, storage);
    this.#lent = NO_STORAGES;
    this.#owner?.free();
    this.#owner = undefined;
  }
}
