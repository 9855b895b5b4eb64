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
  readonly #lent: (() => void)[] = [];

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

  /** What the caller sees of the context after the run has no pointer to the socket. */
  hideSocket(context: Uint8Array): void {
    context.fill(0, SKB_SK, SKB_SK + 8);
  }

  /** Lends what a program's maps need, until `takeBack`. Throws KernelError ENOMEM. */
  lendStorage({ maps }: MachineProgram): void {
    for (const map of maps) if (map.facts.perAttachment) this.#lend(map);
    if (maps.some(({ facts }) => facts.keyIs === 'socket')) {
      this.#owner = this.#runtime.createOwner('socket');
    }
  }

  takeBack(): void {
    for (const back of this.#lent) back();
    this.#lent.length = 0;
    this.#owner?.free();
    this.#owner = undefined;
  }

  #lend({ runtimeMap: map }: { readonly runtimeMap: RuntimeMap }): void {
    const { exports } = this.#runtime;
    const link = exports['cgroup_storage_link'] as Numeric;
    const unlink = exports['cgroup_storage_unlink'] as Numeric;
    const enter = exports[`${map.prefix}_enter`] as Numeric;
    const element = link(map.address, NO_CGROUP, NO_ATTACH_TYPE);
    // allocate() says ENOMEM the way every other allocation does.
    if (element === 0) this.#runtime.allocate(0xffffffff);
    enter(map.address, element);
    this.#lent.push(() => {
      enter(map.address, 0);
      unlink(map.address, element);
    });
  }
}
