/** Bodies of users' own kernel functions: JavaScript that programs on both engines call. */
import {
  type KernelProfile,
  type KfuncArg,
  type KfuncContext,
  type KfuncInt,
  kfuncModule,
  type KfuncResult,
  type KfuncView,
  type OwnKfunc,
  withModules,
} from '../abi/index.ts';
import { KernelError } from '../base/index.ts';
import { type Btf, type BtfInput, decodeValue, encodeValue } from '../btf/index.ts';
import type { HostCall, Runtime } from '../runtime/index.ts';

/** Name of the module that brings them. */
const MODULE = 'own_kfuncs';

/**
 * The kernel with these functions. Throws KernelError EOPNOTSUPP if there is none (a machine that
 * does not verify has no types to know them by).
 */
export function withKfuncs(
  kernel: KernelProfile | undefined,
  kfuncs: readonly OwnKfunc[],
): KernelProfile | undefined {
  if (kfuncs.length === 0) return kernel;
  if (!kernel) {
    const text = 'kernel functions of your own need a machine that verifies programs';
    throw new KernelError('EOPNOTSUPP', 95, text);
  }
  for (const { name } of kfuncs) {
    if (kernel.btf().find('func', name) === undefined) continue;
    throw new KernelError('EEXIST', 17, `kfunc '${name}': the kernel has one of that name`);
  }
  return withModules(kernel, [kfuncModule(kernel.btf(), kfuncs, MODULE)]);
}

/** Gives the runtime what is to run for each; `kernel` is what `withKfuncs` made. */
export function installKfuncs(
  runtime: Runtime,
  kernel: KernelProfile,
  kfuncs: readonly OwnKfunc[],
): void {
  const btf = kernel.modules.find(({ name }) => name === MODULE)?.btf();
  for (const own of kfuncs) {
    if (btf && own.body) {
      runtime.setHostKfunc(own.name, own.args.length, hostBody(runtime, btf, own, own.body));
    }
  }
}

function hostBody(
  runtime: Runtime,
  btf: Btf,
  own: OwnKfunc,
  body: NonNullable<OwnKfunc['body']>,
): (call: HostCall) => void {
  const context = new Context(runtime, btf);
  const readers = own.args.map((arg, i) => readerOf(arg, i, context));
  return (call) => {
    const args = readers.map((read) => read(call));
    giveBack(call, own, body(context, ...(args as never[])));
  };
}

type Reader = (call: HostCall) => unknown;

function readerOf(arg: KfuncArg, index: number, context: Context): Reader {
  if ('int' in arg) return intReader(arg.int, index);
  const at = (read: (address: number, call: HostCall) => unknown): Reader => {
    return (call) => {
      const address = call.u32(index);
      return address === 0 ? null : read(address, call);
    };
  };
  if ('ptr' in arg) return at((address) => context.view(arg.ptr, address));
  if ('string' in arg) return at((address, { runtime }) => textAt(runtime.u8(), address));
  return at((address, call) => {
    const size = arg.size ?? call.u32(arg.sizeArg!);
    return call.runtime.u8().subarray(address, address + size);
  });
}

function intReader(int: KfuncInt, index: number): Reader {
  switch (int) {
    case 'bool':
      return (call) => (call.u32(index) & 0xff) !== 0;
    case 'u64':
      return (call) => call.u64(index);
    case 's64':
      return (call) => BigInt.asIntN(64, call.u64(index));
    case 's32':
      return (call) => call.i32(index);
    case 'u32':
      return (call) => call.u32(index);
    default: {
      const unused = 32 - Number(int.slice(1));
      if (int.startsWith('s')) return (call) => (call.i32(index) << unused) >> unused;
      return (call) => (call.u32(index) << unused) >>> unused;
    }
  }
}

function textAt(memory: Uint8Array, address: number): string {
  const end = memory.indexOf(0, address);
  return new TextDecoder().decode(memory.slice(address, end < 0 ? memory.length : end));
}

function giveBack(call: HostCall, own: OwnKfunc, result: KfuncResult): void {
  if (!own.ret || result === undefined || result === null) return;
  if (typeof result === 'object') call.returnU64(BigInt(result.address));
  else if ('ptr' in own.ret) throw wrongResult(own, 'an object or null');
  else call.returnU64(BigInt(result));
}

function wrongResult(own: OwnKfunc, wanted: string): KernelError {
  return new KernelError('EINVAL', 22, `kfunc '${own.name}': the body must return ${wanted}`);
}

class Context implements KfuncContext {
  readonly #runtime: Runtime;
  readonly #btf: Btf;

  constructor(runtime: Runtime, btf: Btf) {
    this.#runtime = runtime;
    this.#btf = btf;
  }

  get cpu(): number {
    return this.#runtime.cpu;
  }

  get now(): bigint {
    return this.#runtime.clock;
  }

  view(struct: string, address: number): KfuncView {
    return new View(this.#runtime, this.#btf, struct, address);
  }

  create(struct: string, value?: BtfInput): KfuncView {
    const id = this.#btf.find('struct', struct);
    if (id === undefined) throw new KernelError('ENOENT', 2, `there is no struct ${struct}`);
    const view = this.view(struct, this.#runtime.allocate(this.#btf.sizeOf(id)));
    if (value !== undefined) view.set(value);
    return view;
  }

  free({ address }: KfuncView): void {
    this.#runtime.release(address);
  }
}

class View implements KfuncView {
  readonly struct: string;
  readonly address: number;
  readonly #runtime: Runtime;
  readonly #btf: Btf;

  constructor(runtime: Runtime, btf: Btf, struct: string, address: number) {
    this.struct = struct;
    this.address = address;
    this.#runtime = runtime;
    this.#btf = btf;
  }

  get #type(): number {
    return this.#btf.find('struct', this.struct) ?? 0;
  }

  bytes(): Uint8Array {
    const end = this.address + this.#btf.sizeOf(this.#type);
    return this.#runtime.u8().subarray(this.address, end);
  }

  get() {
    return decodeValue(this.#btf, this.#type, this.bytes());
  }

  set(value: BtfInput): void {
    encodeValue(this.#btf, this.#type, value, this.bytes());
  }
}
