/** vmtest.toml, as danobi/vmtest documents it (its docs/config.md, 0.18). */
import { parse, TomlError } from 'smol-toml';

/** A vmtest.toml that is wrong, or asks for what is not supported. */
export class VmConfigError extends Error {
  override readonly name = 'VmConfigError';
}

/** `[target.vm]` */
export interface VmConfig {
  /** CPUs; 2 unless told. */
  readonly cpus: number;
  /** Memory, as QEMU's -m takes it; 4G unless told. */
  readonly memory: string;
  /** More folders, by their path in the machine. */
  readonly mounts: Readonly<Record<string, { readonly host: string; readonly writable: boolean }>>;
  /** Words added to QEMU's command line. */
  readonly extraArguments: readonly string[];
}

/** `[[target]]` */
export interface VmTarget {
  readonly name: string;
  /** Path (relative: to the folder of the file) of a bzImage. */
  readonly kernel: string;
  /** Added to the kernel's command line. */
  readonly kernelArguments: string;
  /** The folder that is the machine's root; / unless told. */
  readonly rootfs: string;
  /** Done by a shell. */
  readonly command: string;
  readonly vm: VmConfig;
}

type Table = Readonly<Record<string, unknown>>;

/** What vmtest uses where a file says nothing. */
export const VM_DEFAULTS: VmConfig = { cpus: 2, memory: '4G', mounts: {}, extraArguments: [] };

/** The most CPUs that a number of vmtest.toml can say. */
const MOST_CPUS = 255;
const MEMORY = /^[1-9]\d*[kKmMgGtT]?$/;
const ARCHITECTURE = 'x86_64';
const TARGET_KEYS = [
  'name',
  'image',
  'uefi',
  'kernel',
  'kernel_args',
  'rootfs',
  'arch',
  'command',
  'vm',
];
const VM_KEYS = ['num_cpus', 'memory', 'mounts', 'bios', 'extra_args'];
const MOUNT_KEYS = ['host_path', 'writable'];

/**
 * The targets of a vmtest.toml. Throws VmConfigError for what is no TOML, for keys and values that
 * vmtest does not know, and for what needs a disk image: `image`, `uefi`, `bios`, another `arch`.
 *
 * @example
 * parseVmConfig('[[target]]\nname = "old"\nkernel = "./bzImage"\ncommand = "uname -r"')
 */
export function parseVmConfig(text: string): readonly VmTarget[] {
  const top = parseToml(text);
  checkKeys(top, ['target'], 'vmtest.toml');
  const targets = top['target'];
  if (!Array.isArray(targets) || targets.length === 0) {
    throw new VmConfigError('vmtest.toml has no [[target]]');
  }
  return targets.map((one, index) => readTarget(asTable(one, '[[target]]'), index));
}

function parseToml(text: string): Table {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [words] = error.message.split('\n');
    throw new VmConfigError(`line ${error.line}: ${words}`, { cause: error });
  }
}

function readTarget(table: Table, index: number): VmTarget {
  const name = text(table, 'name', `target ${index + 1}`);
  if (name === undefined) throw new VmConfigError(`target ${index + 1} has no name`);
  const where = `target '${name}'`;
  checkKeys(table, TARGET_KEYS, where);
  refuseImages(table, where);
  return {
    name,
    kernel: required(table, 'kernel', where),
    kernelArguments: text(table, 'kernel_args', where) ?? '',
    rootfs: text(table, 'rootfs', where) ?? '/',
    command: required(table, 'command', where),
    vm: readVm(table['vm'], where),
  };
}

/** What is documented and not done here is said, not skipped. */
function refuseImages(table: Table, where: string): void {
  if (text(table, 'image', where) !== undefined) {
    throw new VmConfigError(`${where}: disk images are not supported: name a kernel`);
  }
  if (flag(table, 'uefi', where)) throw new VmConfigError(`${where}: uefi is not supported`);
  const architecture = text(table, 'arch', where) ?? ARCHITECTURE;
  if (architecture !== ARCHITECTURE) {
    throw new VmConfigError(`${where}: arch is ${ARCHITECTURE} only, not '${architecture}'`);
  }
}

function readVm(value: unknown, target: string): VmConfig {
  if (value === undefined) return VM_DEFAULTS;
  const where = `${target}, vm`;
  const table = asTable(value, where);
  checkKeys(table, VM_KEYS, where);
  if (text(table, 'bios', where) !== undefined) {
    throw new VmConfigError(`${where}: bios is for uefi, which is not supported`);
  }
  return {
    cpus: cpus(table['num_cpus'], where),
    memory: checkMemory(text(table, 'memory', where) ?? VM_DEFAULTS.memory, where),
    mounts: readMounts(table['mounts'], where),
    extraArguments: texts(table['extra_args'], `${where}: extra_args`),
  };
}

/** Amounts QEMU takes: a number (of MB) with or without a unit. Throws VmConfigError for others. */
export function checkMemory(memory: string, where: string): string {
  if (MEMORY.test(memory)) return memory;
  throw new VmConfigError(`${where}: memory is like 512M or 4G, not '${memory}'`);
}

function cpus(value: unknown, where: string): number {
  if (value === undefined) return VM_DEFAULTS.cpus;
  const fits = typeof value === 'number' && Number.isInteger(value) && value > 0;
  if (fits && value <= MOST_CPUS) return value;
  throw new VmConfigError(`${where}: num_cpus is a whole number from 1 to ${MOST_CPUS}`);
}

function readMounts(value: unknown, where: string): VmConfig['mounts'] {
  if (value === undefined) return {};
  const mounts = Object.entries(asTable(value, `${where}: mounts`)).map(([path, one]) => {
    const place = `${where}: mount '${path}'`;
    if (!path.startsWith('/')) throw new VmConfigError(`${place}: the path must start with /`);
    const table = asTable(one, place);
    checkKeys(table, MOUNT_KEYS, place);
    const host = required(table, 'host_path', place);
    return [path, { host, writable: flag(table, 'writable', place) }] as const;
  });
  return Object.fromEntries(mounts);
}

function asTable(value: unknown, where: string): Table {
  const fits = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (fits) return value as Table;
  throw new VmConfigError(`${where} is no table`);
}

function checkKeys(table: Table, known: readonly string[], where: string): void {
  const other = Object.keys(table).find((key) => !known.includes(key));
  if (other === undefined) return;
  throw new VmConfigError(`${where}: there is no '${other}' (there is: ${known.join(', ')})`);
}

function required(table: Table, key: string, where: string): string {
  const value = text(table, key, where);
  if (value !== undefined) return value;
  throw new VmConfigError(`${where} has no ${key}`);
}

function text(table: Table, key: string, where: string): string | undefined {
  const value = table[key];
  if (value !== undefined && typeof value !== 'string') {
    throw new VmConfigError(`${where}: ${key} is a text in quotes`);
  }
  if (value?.includes('\0')) throw new VmConfigError(`${where}: ${key} has a NUL in it`);
  return value;
}

function flag(table: Table, key: string, where: string): boolean {
  const value = table[key] ?? false;
  if (typeof value === 'boolean') return value;
  throw new VmConfigError(`${where}: ${key} is true or false`);
}

function texts(value: unknown, where: string): readonly string[] {
  if (value === undefined) return [];
  const fits = Array.isArray(value) && value.every((one) => typeof one === 'string');
  if (fits) return value as string[];
  throw new VmConfigError(`${where} is a list of texts`);
}
