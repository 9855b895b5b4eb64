import type { ArgContract, CallContract } from '../abi/index.ts';
import {
  CONTRACT_ARGUMENT_SIZE,
  CONTRACT_CALLBACK,
  CONTRACT_CTX,
  CONTRACT_F_NULLABLE,
  CONTRACT_F_WRITE,
  CONTRACT_F_ZERO_OK,
  CONTRACT_FIXED,
  CONTRACT_HELPER,
  CONTRACT_KEY,
  CONTRACT_MAP,
  CONTRACT_MEM,
  CONTRACT_NONE,
  CONTRACT_POINTER,
  CONTRACT_SCALAR,
  CONTRACT_SIZE,
  CONTRACT_STRING,
  CONTRACT_VALUE,
} from '../runtime/layout.ts';
import type { Runtime } from '../runtime/types.ts';

/** How check_call (runtime/core/contracts.ts) looks at each kind of argument. */
const CHECKS: Readonly<Record<ArgContract['kind'], number>> = {
  scalar: CONTRACT_SCALAR,
  ctx: CONTRACT_CTX,
  map: CONTRACT_MAP,
  map_key: CONTRACT_KEY,
  map_value: CONTRACT_VALUE,
  mem: CONTRACT_MEM,
  // Lengths are checked together with the memory they belong to.
  size: CONTRACT_SCALAR,
  alloc_size: CONTRACT_SCALAR,
  callback: CONTRACT_CALLBACK,
  const_string: CONTRACT_STRING,
  fixed_mem: CONTRACT_FIXED,
  ringbuf_mem: CONTRACT_POINTER,
  dynptr: CONTRACT_FIXED,
  spin_lock: CONTRACT_FIXED,
  timer: CONTRACT_FIXED,
  kptr: CONTRACT_FIXED,
  btf_object: CONTRACT_POINTER,
  socket: CONTRACT_POINTER,
  sock_common: CONTRACT_POINTER,
  btf_socket: CONTRACT_POINTER,
  percpu_object: CONTRACT_POINTER,
  // Handed on to the callback as it is; the callback's own accesses are checked.
  stack_mem: CONTRACT_SCALAR,
  arena: CONTRACT_SCALAR,
  workqueue: CONTRACT_FIXED,
  list_head: CONTRACT_FIXED,
  list_node: CONTRACT_FIXED,
  rb_root: CONTRACT_FIXED,
  rb_node: CONTRACT_FIXED,
  iterator: CONTRACT_FIXED,
  allocated_object: CONTRACT_POINTER,
  refcounted_object: CONTRACT_POINTER,
  any: CONTRACT_SCALAR,
  none: CONTRACT_NONE,
};

/** Sizes of the structs helpers keep in a program's memory (include/uapi/linux/bpf.h). */
const STRUCT_SIZES: Readonly<Partial<Record<ArgContract['kind'], number>>> = {
  dynptr: 16,
  spin_lock: 4,
  timer: 16,
  workqueue: 16,
  kptr: 8,
  list_head: 16,
  list_node: 24,
  rb_root: 16,
  rb_node: 32,
};

const records = new WeakMap<WebAssembly.Table, Map<string, number>>();

/**
 * Address of the record that `check_call` checks calls of `id` with, or 0 if Linux has no contract
 * for it (then nothing is checked). Made once per runtime, number and contract.
 */
export function contractAddress(
  runtime: Runtime,
  id: number,
  contract: CallContract | undefined,
): number {
  let known = records.get(runtime.table);
  if (!known) records.set(runtime.table, (known = new Map()));
  if (!contract) return 0;
  const key = `${id}:${contract.prototype ?? contract.name}`;
  let address = known.get(key);
  if (address === undefined) known.set(key, (address = writeContract(runtime, id, contract)));
  return address;
}

function writeContract(runtime: Runtime, id: number, contract: CallContract): number {
  const address = runtime.allocateScratch(CONTRACT_SIZE);
  const view = runtime.view();
  contract.args.forEach((argument, i) => {
    writeArgument(view, address + i * CONTRACT_ARGUMENT_SIZE, argument, contract.args);
  });
  view.setUint32(address + CONTRACT_HELPER, id, true);
  return address;
}

function writeArgument(
  view: DataView,
  at: number,
  argument: ArgContract,
  all: readonly ArgContract[],
): void {
  const size = argument.size ?? STRUCT_SIZES[argument.kind];
  view.setUint8(at, checkOf(argument, size));
  view.setUint8(at + 1, flagsOf(argument, all));
  view.setUint8(at + 2, argument.sizeFrom ?? 0);
  view.setUint32(at + 4, size ?? 0, true);
}

/** Memory of unknown length can only be proven to exist. */
function checkOf(argument: ArgContract, size: number | undefined): number {
  // Whatever it is, the callee looks first.
  if (argument.ignored) return CONTRACT_SCALAR;
  const check = CHECKS[argument.kind];
  if (check === CONTRACT_MEM && argument.sizeFrom === undefined) {
    return size === undefined ? CONTRACT_POINTER : CONTRACT_FIXED;
  }
  return check === CONTRACT_FIXED && size === undefined ? CONTRACT_POINTER : check;
}

const WRITTEN: ReadonlySet<ArgContract['kind']> = new Set([
  'dynptr',
  'spin_lock',
  'timer',
  'workqueue',
  'kptr',
  'iterator',
]);

function flagsOf(argument: ArgContract, all: readonly ArgContract[]): number {
  // Whether the length may be 0 is said of the length.
  const length = argument.sizeFrom === undefined ? undefined : all[argument.sizeFrom];
  const writes = argument.access === 'write' || argument.access === 'readwrite';
  return (
    (argument.nullable ? CONTRACT_F_NULLABLE : 0) |
    (argument.zeroSizeOk || length?.zeroSizeOk ? CONTRACT_F_ZERO_OK : 0) |
    (writes || WRITTEN.has(argument.kind) ? CONTRACT_F_WRITE : 0)
  );
}
