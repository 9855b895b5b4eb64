/**
 * The kernel a program is verified against: Debian's build of Linux 6.12.117 as data.
 *
 * @example
 * const kernel = await loadKernelProfile();
 * kernel.btf().find('struct', 'task_struct');
 */
import { openBtf } from '../btf/index.ts';
import type { Btf } from '../btf/index.ts';
import { type KernelModule, type ModuleData, openKernelModule } from './modules.ts';

/** A kernel option's value: 'y', 'm', a number, or text in quotes in the configuration. */
export type KernelOption = 'y' | 'm' | bigint | string;

export interface KernelProfile {
  readonly version: '6.12.117';
  /** `uname -r` of the build all facts come from. */
  readonly release: '6.12.117+deb12-amd64';
  /** KERNEL_VERSION(6, 12, 117): what the extern LINUX_KERNEL_VERSION holds. */
  readonly versionCode: number;
  /** The kernel's own types (`/sys/kernel/btf/vmlinux`). Each is read when it is asked for. */
  btf(): Btf;
  /** Timer ticks a second (CONFIG_HZ), which bpf_jiffies64 counts. */
  readonly hz: 250;
  /** The JIT compiler is there and on: kfuncs, exceptions and callbacks depend on it. */
  readonly jit: true;
  /** CPUs the machine can have (nr_cpu_ids): what bpf_get_smp_processor_id is known to be below. */
  readonly cpus: number;
  /** 4-level page tables and SMP of x86-64: what layouts assume. */
  readonly arch: 'x86_64';
  /**
   * A configuration option by its full name ('CONFIG_HZ'); undefined when it is not set. Numbers
   * (also hexadecimal ones) come as bigint, text without its quotes.
   */
  kconfig(name: string): KernelOption | undefined;
  /** Modules that are loaded, in the order they were. */
  readonly modules: readonly KernelModule[];
}

/** What a profile is made of, uncompressed; functions are asked when it is first needed. */
export interface KernelData {
  readonly btf: Uint8Array | (() => Uint8Array);
  readonly kconfig: string | (() => string);
  /** Default 1. */
  readonly cpus?: number;
  /** Default: none. */
  readonly modules?: readonly ModuleData[];
}

const given = <T>(data: T | (() => T)): T =>
  typeof data === 'function' ? (data as () => T)() : data;

/** A profile over data one has already. The data is not copied. */
export function openKernelProfile(data: KernelData): KernelProfile {
  let btf: Btf | undefined;
  let options: ReadonlyMap<string, string> | undefined;
  const types = (): Btf => (btf ??= openBtf(given(data.btf)));
  return {
    version: '6.12.117',
    release: '6.12.117+deb12-amd64',
    versionCode: (6 << 16) | (12 << 8) | 117,
    btf: types,
    hz: 250,
    jit: true,
    cpus: data.cpus ?? 1,
    arch: 'x86_64',
    kconfig(name) {
      options ??= parseOptions(given(data.kconfig));
      const text = options.get(name);
      return text === undefined ? undefined : optionValue(text);
    },
    modules: (data.modules ?? []).map((module) => openKernelModule(module, types)),
  };
}

let loading: Promise<KernelProfile> | undefined;

/**
 * The same kernel with more modules loaded, behind those it has. Their BTF must have been made over
 * this kernel's.
 */
export function withModules(kernel: KernelProfile, more: readonly ModuleData[]): KernelProfile {
  const opened = more.map((module) => openKernelModule(module, () => kernel.btf()));
  return { ...kernel, modules: [...kernel.modules, ...opened] };
}

/**
 * The profile that comes with this package, with the modules of the image that bring kernel
 * functions; loaded once. Works in Node and in browsers.
 */
export function loadKernelProfile(): Promise<KernelProfile> {
  loading ??= load();
  return loading;
}

async function load(): Promise<KernelProfile> {
  const [{ vmlinuxBtf, kconfigTxt, moduleBtfs }, { rawModules }] = await Promise.all([
    import('./generated/6.12/embedded.ts'),
    import('./generated/6.12/modules.ts'),
  ]);
  const utf8 = new TextDecoder();
  // Node can inflate while somebody waits, so what no program asks for costs nothing there.
  const zlib = globalThis.process?.getBuiltinModule?.('node:zlib');
  if (zlib) {
    const inflateNow = (base64: string) => new Uint8Array(zlib.gunzipSync(fromBase64(base64)));
    return openKernelProfile({
      btf: () => inflateNow(vmlinuxBtf),
      kconfig: () => utf8.decode(inflateNow(kconfigTxt)),
      modules: rawModules.map((facts) => ({
        ...facts,
        btf: () => inflateNow(moduleBtfs[facts.name]!),
      })),
    });
  }
  const [btf, kconfig, modules] = await Promise.all([
    inflate(vmlinuxBtf),
    inflate(kconfigTxt),
    Promise.all(
      rawModules.map(async (facts) => ({ ...facts, btf: await inflate(moduleBtfs[facts.name]!) })),
    ),
  ]);
  return openKernelProfile({ btf, kconfig: utf8.decode(kconfig), modules });
}

async function inflate(base64: string): Promise<Uint8Array> {
  const stream = new Blob([fromBase64(base64)])
    .stream()
    .pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function fromBase64(base64: string): Uint8Array<ArrayBuffer> {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Lines are `NAME NAME …=value`. */
function parseOptions(text: string): Map<string, string> {
  const options = new Map<string, string>();
  for (const line of text.split('\n')) {
    const split = line.indexOf('=');
    for (const name of line.slice(0, split).split(' ')) {
      if (split > 0) options.set(`CONFIG_${name}`, line.slice(split + 1));
    }
  }
  return options;
}

function optionValue(text: string): KernelOption {
  if (text.startsWith('"')) return text.slice(1, -1);
  return /^-?\d|^0x/.test(text) ? BigInt(text) : text;
}
