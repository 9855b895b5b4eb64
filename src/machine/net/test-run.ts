import type { Runtime, RuntimeMap, RuntimeOwner } from '../../runtime/index.ts';
import {
  CPU_REGIONS,
  R_END,
  R_START,
  REGION_OBJECT,
  REGION_SIZE,
  SKB_CGROUP_ID,
  SKB_SK,
  SKB_SOCKET_COOKIE,
  SOCKET_SIZE,
  SOCKET_STATE,
  TAG_BASE,
} from '../../runtime/layout.ts';
import type { MachineProgram } from '../program.ts';

type Numeric = (...args: (number | bigint)[]) => number;

/** No cgroup has that id, and nobody attaches in that way. */
const NO_CGROUP = 2n ** 64n - 1n;
const NO_ATTACH_TYPE = 0xffffffff;
const ROOT_CGROUP = 1;
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

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** The context at an address is of the socket (bpf_prog_test_run_skb: sk_alloc). */
  lendSocket(context: number): void {
    const object = this.#owner?.object ?? this.#plainSocket();
    const words = this.#runtime.u32();
    const record = (this.#runtime.cpuBlock + CPU_REGIONS + REGION_OBJECT * REGION_SIZE) >>> 2;
    words[record + R_START / 4] = object;
    words[record + R_END / 4] = object + SOCKET_SIZE;
    words[(object + SOCKET_STATE) >>> 2] = TCP_CLOSE;
    const word = context >>> 2;
    words[word + SKB_SK / 4] = object;
    words[word + SKB_SK / 4 + 1] = TAG_BASE + REGION_OBJECT;
    words[word + SKB_SOCKET_COOKIE / 4] = this.#owner?.number ?? NO_SOCKET;
    words[word + SKB_CGROUP_ID / 4] = ROOT_CGROUP;
  }

  #plainSocket(): number {
    return (this.#plain ||= this.#runtime.allocate(SOCKET_SIZE, 16));
  }

  /** Lends what its maps need, to be taken back by what it returns. Throws KernelError ENOMEM. */
  lendStorage({ maps }: MachineProgram): () => void {
    const lent = maps.filter(({ facts }) => facts.perAttachment).map((map) => this.#lend(map));
    if (maps.some(({ facts }) => facts.keyIs === 'socket')) {
      const owner = this.#runtime.createOwner('socket');
      this.#owner = owner;
      lent.push(() => {
        this.#owner = undefined;
        owner.free();
      });
    }
    return () => {
      for (const takeBack of lent) takeBack();
    };
  }

  #lend({ runtimeMap: map }: { readonly runtimeMap: RuntimeMap }): () => void {
    const { exports } = this.#runtime;
    const link = exports['cgroup_storage_link'] as Numeric;
    const unlink = exports['cgroup_storage_unlink'] as Numeric;
    const enter = exports[`${map.prefix}_enter`] as Numeric;
    const element = link(map.address, NO_CGROUP, NO_ATTACH_TYPE);
    // allocate() says ENOMEM the way every other allocation does.
    if (element === 0) this.#runtime.allocate(0xffffffff);
    enter(map.address, element);
    return () => {
      enter(map.address, 0);
      unlink(map.address, element);
    };
  }
}
