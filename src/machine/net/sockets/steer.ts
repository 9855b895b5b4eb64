/** sk_lookup programs: they choose the socket of a packet that is for no connection. */
import { socketPointer } from '../../../runtime/index.ts';
import { AF_INET, AF_INET6, PROTOCOLS } from './ends.ts';
import { constants, errnos, fieldOffsets } from '../../../abi/index.ts';
import { KernelError } from '../../../base/index.ts';
import type { AttachOptions, RunOptions, RunResult } from '../../../kernel/index.ts';
import type { Runtime } from '../../../runtime/types.ts';
import type { Machine } from '../../machine.ts';
import type { MachineProgram } from '../../program.ts';
import type { Attached, NamespaceHook, Subsystem } from '../../subsystem.ts';
import { refuse } from '../../errno.ts';
import { NamespacePoints } from '../hooks/namespace-point.ts';
import type { NetNamespace } from '../namespace.ts';
import type { Network } from '../network.ts';
import type { Tuple } from './address.ts';
import type { Steered } from './lookup.ts';
import { Socket } from './socket.ts';
import { CLOSE, LISTEN } from './states.ts';

const SIZE = 72;
/** u32 behind the context: flags of the choice. */
const FLAGS = 72;
const F_REPLACE = 1;
const F_NO_REUSEPORT = 2;
const SK_PASS = 1;
/** Links a namespace takes (MAX_PROGS of net_namespace.c). */
const LINKS_MAX = 64;

const AT = fieldOffsets('bpf_sk_lookup');

/** The hook of sk_lookup programs, per namespace (kernel/bpf/net_namespace.c). */
export class SkLookup implements Subsystem {
  readonly #network: Network;
  readonly #machine: () => Machine;
  readonly #points: NamespacePoints;
  #context = 0;
  #net: NetNamespace | undefined;

  constructor(network: Network, machine: () => Machine) {
    this.#network = network;
    this.#machine = machine;
    this.#points = new NamespacePoints({
      attachType: constants.BPF_SK_LOOKUP,
      maxLinks: LINKS_MAX,
      changed: (net, programs) => this.#changed(net, programs),
    });
    network.points.push(this.#points);
  }

  serves(programType: string): boolean {
    return programType === 'sk_lookup';
  }

  hook(program: MachineProgram, { namespace = '' }: AttachOptions): Attached {
    return this.#points.link(this.#network.namespace(namespace), program);
  }

  /** No program gets there without a link. */
  namespaceHook(attachType: number): NamespaceHook | undefined {
    if (attachType !== constants.BPF_SK_LOOKUP) return undefined;
    const attach = () => refuse('EINVAL', 'sk_lookup programs have links');
    return {
      attach,
      detach: attach,
      programs: (name) => this.#points.programs(this.#network.namespace(name)),
      direct: () => [],
    };
  }

  #changed(net: NetNamespace, programs: readonly MachineProgram[]): void {
    net.steer =
      programs.length === 0
        ? undefined
        : (protocol, tuple, ifindex) => {
            this.#prepare();
            return this.#steer(net, programs, (at) =>
              writeContext(this.#runtime, at, protocol, tuple, ifindex),
            );
          };
  }

  get #runtime(): Runtime {
    return this.#machine().runtime;
  }

  #prepare(): void {
    const { runtime } = this.#machine();
    this.#context ||= runtime.allocateScratch(SIZE + 8, 16);
    runtime.host.steerTo ??= (context, record, flags) => this.#assign(context, record, flags);
  }

  /** BPF_PROG_SK_LOOKUP_RUN_ARRAY: one that passes with a socket beats all that drop. */
  #steer(
    net: NetNamespace,
    programs: readonly MachineProgram[],
    write: (at: number) => void,
  ): Steered | undefined {
    const at = this.#context;
    let chosen: Steered | undefined;
    let drops = false;
    const before = this.#net;
    this.#net = net;
    write(at);
    for (const { code } of programs) {
      this.#select(chosen);
      const verdict = code.run(at);
      const now = this.#selected();
      if (verdict === SK_PASS && now) chosen = now;
      else if (verdict !== SK_PASS) drops = true;
    }
    this.#net = before;
    return chosen ?? (drops ? 'drop' : undefined);
  }

  #select(choice: Steered | undefined): void {
    const view = this.#runtime.view();
    const kept = choice !== undefined && choice !== 'drop' ? choice : undefined;
    const record = kept
      ? socketPointer(this.#runtime, this.#network.stack.sockets.recordOf(kept.socket))
      : 0n;
    view.setBigUint64(this.#context, record, true);
    view.setUint32(this.#context + FLAGS, kept?.noReuseport ? F_NO_REUSEPORT : 0, true);
  }

  #selected(): Exclude<Steered, 'drop'> | undefined {
    const view = this.#runtime.view();
    const socket = this.#network.stack.sockets.at(view.getUint32(this.#context, true));
    if (!(socket instanceof Socket)) return undefined;
    const flags = view.getUint32(this.#context + FLAGS, true);
    return { socket, noReuseport: (flags & F_NO_REUSEPORT) !== 0 };
  }

  /** bpf_sk_lookup_assign. */
  #assign(context: number, record: number, flags: bigint): number {
    const fail = (errno: string) => -errnos[errno]!;
    if ((flags & ~BigInt(F_REPLACE | F_NO_REUSEPORT)) !== 0n) return fail('EINVAL');
    const socket = this.#network.stack.sockets.at(record);
    const view = this.#runtime.view();
    if (record !== 0) {
      const error = unfit(socket, view, context);
      if (error) return fail(error);
    }
    const taken = view.getUint32(context, true) !== 0;
    if (taken && (Number(flags) & F_REPLACE) === 0) return fail('EEXIST');
    view.setBigUint64(context, record === 0 ? 0n : socketPointer(this.#runtime, record), true);
    view.setUint32(context + FLAGS, Number(flags), true);
    return 0;
  }

  /** bpf_prog_test_run_sk_lookup: the context says the packet; its cookie is the answer. */
  run(program: MachineProgram, { data, context, repeat = 1 }: RunOptions): RunResult {
    const refuse = (why: string, code = 'EINVAL') => new KernelError(code, errnos[code]!, why);
    if (data) throw refuse('sk_lookup programs see no packet: give a context');
    if (!context || context.length === 0) throw refuse('give a context');
    const given = new Uint8Array(SIZE);
    if (context.subarray(SIZE).some((byte) => byte !== 0)) throw refuse('bytes behind it', 'E2BIG');
    given.set(context.subarray(0, SIZE));
    const view = new DataView(given.buffer);
    if (view.getBigUint64(0, true) !== 0n) throw refuse('the socket is not given');
    if (view.getUint32(AT['ingress_ifindex']!, true) !== 0) throw refuse('the rest is zeros');
    if (view.getUint32(AT['local_port']!, true) > 0xffff) throw refuse('local_port', 'ERANGE');
    const family = view.getUint32(AT['family']!, true) & 0xffff;
    if (family !== AF_INET && family !== AF_INET6) throw refuse('family', 'EAFNOSUPPORT');
    this.#prepare();
    const start = performance.now();
    let result: Steered | undefined;
    const net = this.#network.root;
    for (let i = 0; i < repeat; i++) {
      result = this.#steer(net, [program], (at) => this.#runtime.u8().set(given, at));
    }
    const duration = ((performance.now() - start) * 1e6) / repeat;
    const choice = result === undefined || result === 'drop' ? undefined : result;
    if (choice?.socket.options.reusePort && !choice.noReuseport) {
      throw refuse('a group of sockets', 'EOPNOTSUPP');
    }
    view.setBigUint64(0, BigInt(choice?.socket.owner.number ?? 0), true);
    const returnValue = result === 'drop' ? 0 : SK_PASS;
    const verdict = returnValue === 0 ? 'drop' : 'pass';
    return { returnValue, verdict, data: undefined, context: given, duration };
  }
}

/** Why a socket cannot get this packet: a word of errno. */
function unfit(socket: unknown, view: DataView, context: number): string | undefined {
  if (!(socket instanceof Socket)) return 'ESOCKTNOSUPPORT';
  const state = socket.type === 'tcp' ? LISTEN : CLOSE;
  if (socket.state !== state) return 'ESOCKTNOSUPPORT';
  if (PROTOCOLS[socket.type] !== view.getUint32(context + AT['protocol']!, true)) {
    return 'EPROTOTYPE';
  }
  const family = view.getUint32(context + AT['family']!, true) === AF_INET ? 4 : 6;
  const other = socket.family !== family && (socket.family === 4 || socket.options.v6only);
  return other ? 'EAFNOSUPPORT' : undefined;
}

function writeContext(
  runtime: Runtime,
  at: number,
  protocol: 'udp' | 'tcp',
  { local, localPort, remote, remotePort }: Tuple,
  ifindex: number,
): void {
  const bytes = runtime.u8();
  const view = runtime.view();
  bytes.fill(0, at, at + SIZE);
  const put = (field: string, value: number) => view.setUint32(at + AT[field]!, value, true);
  put('family', local.length === 4 ? AF_INET : AF_INET6);
  put('protocol', PROTOCOLS[protocol]);
  const four = local.length === 4;
  bytes.set(remote, at + AT[four ? 'remote_ip4' : 'remote_ip6']!);
  bytes.set(local, at + AT[four ? 'local_ip4' : 'local_ip6']!);
  view.setUint16(at + AT['remote_port']!, remotePort);
  put('local_port', localPort);
  put('ingress_ifindex', ifindex);
}
