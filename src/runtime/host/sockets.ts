/** Helpers that change sockets: options, addresses, callbacks (net/core/filter.c). */
import { errnos } from '../../abi/index.ts';
import { SOCK_ADDR_SK, SOCK_OPS_SK } from '../layout.ts';
import type { HostCall, HostHelper, Runtime } from '../types.ts';

/** Where a helper's first argument leads to a socket's record: it is a pointer, or a context. */
type Finds = (runtime: Runtime, argument: number) => number;

const itself: Finds = (_, argument) => argument;
const inContext =
  (offset: number): Finds =>
  (runtime, context) =>
    runtime.view().getUint32(context + offset, true);

const FINDS: Readonly<Record<string, Finds>> = {
  sk: itself,
  unlocked_sk: itself,
  sock_addr: inContext(SOCK_ADDR_SK),
  sock_ops: inContext(SOCK_OPS_SK),
};

const EINVAL = -errnos['EINVAL']!;

/** bpf_setsockopt: (socket or context, level, name, value, size). */
const setOption =
  (find: Finds): HostHelper =>
  (call) => {
    const { runtime } = call;
    const [at, size] = [call.u32(3), call.i32(4)];
    const value = runtime.u8().slice(at, at + size);
    const set = runtime.host.setSocketOption;
    call.returnInt(set?.(find(runtime, call.u32(0)), call.i32(1), call.i32(2), value) ?? EINVAL);
  };

/** bpf_getsockopt: the rest of the room is zeros; after an error all of it. */
const getOption =
  (find: Finds): HostHelper =>
  (call) => {
    const { runtime } = call;
    const [at, size] = [call.u32(3), call.i32(4)];
    const get = runtime.host.getSocketOption;
    const found = get?.(find(runtime, call.u32(0)), call.i32(1), call.i32(2), size) ?? EINVAL;
    runtime.u8().fill(0, at, at + size);
    if (typeof found !== 'number') runtime.u8().set(found, at);
    call.returnInt(typeof found === 'number' ? found : 0);
  };

const SOL_TCP = 6;

/** bpf_getsockopt of sock_ops: that may be the SYN that a connection began with. */
function getOptionOfOps(call: HostCall): void {
  const { headerOptions } = call.runtime.host;
  const found =
    call.i32(1) === SOL_TCP
      ? headerOptions?.readSyn(call.u32(0), call.i32(2), call.u32(3), call.i32(4))
      : undefined;
  if (found === undefined) getOption(FINDS['sock_ops']!)(call);
  else call.returnInt(found);
}

/** bpf_reserve_hdr_opt: (context, size, flags). */
function reserveOption(call: HostCall): void {
  const { headerOptions } = call.runtime.host;
  call.returnInt(headerOptions?.reserve(call.u32(0), call.u32(1), call.u64(2)) ?? EINVAL);
}

/** bpf_store_hdr_opt and bpf_load_hdr_opt: (context, option, size, flags). */
const withOption =
  (what: 'store' | 'load'): HostHelper =>
  (call) => {
    const { headerOptions } = call.runtime.host;
    const [context, at, size] = [call.u32(0), call.u32(1), call.u32(2)];
    call.returnInt(headerOptions?.[what](context, at, size, call.u64(3)) ?? EINVAL);
  };

/** bpf_bind: (context, sockaddr, size). */
function bind(call: HostCall): void {
  const { runtime } = call;
  const record = runtime.view().getUint32(call.u32(0) + SOCK_ADDR_SK, true);
  const address = runtime.u8().slice(call.u32(1), call.u32(1) + call.i32(2));
  call.returnInt(runtime.host.bindSocket?.(record, address) ?? EINVAL);
}

function setCallbacks(call: HostCall): void {
  call.returnInt(call.runtime.host.sockOpsFlags?.(call.u32(0), call.i32(1)) ?? EINVAL);
}

const cookie =
  (find: Finds): HostHelper =>
  (call) => {
    call.returnInt(call.runtime.host.socketCookie?.(find(call.runtime, call.u32(0))) ?? 0);
  };

/** Bodies by the kernel's name. */
export const socketHelpers: readonly (readonly [
  string,
  { readonly arity: number; readonly body: HostHelper },
])[] = [
  ...Object.entries(FINDS).flatMap(
    ([name, find]) =>
      [
        [`bpf_${name}_setsockopt`, { arity: 5, body: setOption(find) }],
        [`bpf_${name}_getsockopt`, { arity: 5, body: getOption(find) }],
      ] as const,
  ),
  ['bpf_sock_ops_getsockopt', { arity: 5, body: getOptionOfOps }],
  ['bpf_sock_ops_reserve_hdr_opt', { arity: 3, body: reserveOption }],
  ['bpf_sock_ops_store_hdr_opt', { arity: 4, body: withOption('store') }],
  ['bpf_sock_ops_load_hdr_opt', { arity: 4, body: withOption('load') }],
  ['bpf_bind', { arity: 3, body: bind }],
  ['bpf_sock_ops_cb_flags_set', { arity: 2, body: setCallbacks }],
  ['bpf_get_socket_cookie_sock', { arity: 1, body: cookie(itself) }],
  ['bpf_get_socket_cookie_sock_addr', { arity: 1, body: cookie(inContext(SOCK_ADDR_SK)) }],
  ['bpf_get_socket_cookie_sock_ops', { arity: 1, body: cookie(inContext(SOCK_OPS_SK)) }],
];
