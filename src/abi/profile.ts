/**
 * The kernel a program is verified against: Debian's build of Linux 6.12.117 as data.
 *
 * @example
 * const kernel = await loadKernelProfile();
 * kernel.btf().find('struct', 'task_struct');
 */
import { openBtf } from '../btf/index.ts';
import type { Btf } from '../btf/index.ts';
import { type KernelGate, type KernelGates, gatesOf } from './gates.ts';
import { type ModuleData, openKernelModule } from './modules.ts';
import { type KernelTables, type OlderTables, newestTables, tablesOf } from './tables.ts';
import { kernelOptions, type TargetKernel } from './target-kernel.ts';
import { textUnpacker, unpacker } from './unpack.ts';

export interface KernelProfile extends TargetKernel {
  /** '6.12.117', '6.1.192' */
  readonly version: string;
  /** What it does differently from other versions. */
  readonly gates: KernelGates;
  /** What it has: helpers, kernel functions, map types. */
  readonly tables: KernelTables;
  /** Timer ticks a second (CONFIG_HZ), which bpf_jiffies64 counts. */
  readonly hz: 250;
  /** The JIT compiler is there and on: kfuncs, exceptions and callbacks depend on it. */
  readonly jit: true;
  /** CPUs the machine can have (nr_cpu_ids): what bpf_get_smp_processor_id is known to be below. */
  readonly cpus: number;
  /** 4-level page tables and SMP of x86-64: what layouts assume. */
  readonly arch: 'x86_64';
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

/** What a kernel is called: `uname -r` of the build all facts come from, and its version. */
export interface KernelRelease {
  readonly release: string;
  readonly version: string;
  /** KERNEL_VERSION() */
  readonly versionCode: number;
  /** Where its tables differ from those of 6.12; undefined: nowhere. */
  readonly older?: OlderTables;
}

const NEWEST: KernelRelease = {
  version: '6.12.117',
  release: '6.12.117+deb12-amd64',
  versionCode: (6 << 16) | (12 << 8) | 117,
};

/** A profile over data one has already. The data is not copied. */
export function openKernelProfile(
  data: KernelData,
  { version, release, versionCode, older }: KernelRelease = NEWEST,
): KernelProfile {
  let btf: Btf | undefined;
  const types = (): Btf => (btf ??= openBtf(given(data.btf)));
  return {
    version,
    release,
    versionCode,
    gates: gatesOf(version),
    tables: older ? tablesOf(older) : newestTables,
    btf: types,
    hz: 250,
    jit: true,
    cpus: data.cpus ?? 1,
    arch: 'x86_64',
    kconfig: kernelOptions(() => given(data.kconfig)),
    modules: (data.modules ?? []).map((module) => openKernelModule(module, types)),
  };
}

/**
 * The same kernel with more modules loaded, behind those it has. Their BTF must have been made over
 * this kernel's.
 */
export function withModules(kernel: KernelProfile, more: readonly ModuleData[]): KernelProfile {
  const opened = more.map((module) => openKernelModule(module, () => kernel.btf()));
  return { ...kernel, modules: [...kernel.modules, ...opened] };
}

/**
 * The same kernel with something of a later one, so that what needs it can be tried before there is
 * one. What it then says is no longer what that version says.
 *
 * @example
 * // Linux 6.12 with the __uptr fields of 6.13
 * const kernel = withLater(await loadKernelProfile(), ['uptrs']);
 */
export function withLater(kernel: KernelProfile, gates: readonly KernelGate[]): KernelProfile {
  const more = Object.fromEntries(gates.map((gate) => [gate, true]));
  return { ...kernel, gates: { ...kernel.gates, ...more } };
}

export interface ProfileOptions {
  /**
   * 'slim': only what networking programs (XDP, tc, sockets, cgroups) need, a thirteenth of the
   * size: for browsers. Without modules. What would need more throws KernelError EOPNOTSUPP: 'load
   * all of them'. Default 'all'.
   */
  readonly types?: 'all' | 'slim';
}

const loading = new Map<ProfileOptions['types'], Promise<KernelProfile>>();

/**
 * The profile that comes with this package, with the modules of the image that bring kernel
 * functions; loaded once. Works in Node and in browsers.
 */
export function loadKernelProfile({ types = 'all' }: ProfileOptions = {}): Promise<KernelProfile> {
  let profile = loading.get(types);
  if (!profile) loading.set(types, (profile = types === 'slim' ? loadSlim() : load()));
  return profile;
}

async function loadSlim(): Promise<KernelProfile> {
  const { slimBtf, kconfigTxt } = await import('./generated/6.12/embedded-slim.ts');
  const [btf, kconfig] = await Promise.all([unpacker(slimBtf), textUnpacker(kconfigTxt)]);
  return { ...openKernelProfile({ btf, kconfig }), slim: true };
}

async function load(): Promise<KernelProfile> {
  const [{ vmlinuxBtf, kconfigTxt, moduleBtfs }, { rawModules }] = await Promise.all([
    import('./generated/6.12/embedded.ts'),
    import('./generated/6.12/modules.ts'),
  ]);
  const [btf, kconfig, modules] = await Promise.all([
    unpacker(vmlinuxBtf),
    textUnpacker(kconfigTxt),
    Promise.all(
      rawModules.map(async (facts) => ({
        ...facts,
        btf: await unpacker(moduleBtfs[facts.name]!),
      })),
    ),
  ]);
  return openKernelProfile({ btf, kconfig, modules });
}
