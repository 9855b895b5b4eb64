/** Settings of a machine, by their path below /proc/sys. */
import { refuse } from '../errno.ts';
import { byte, int, long, type NumberKind, writeNumbers } from './sysctl-numbers.ts';

/** Values of kernel.unprivileged_bpf_disabled. */
export const UNPRIVILEGED = { allowed: 0, forbiddenForGood: 1, forbidden: 2 } as const;

interface Setting {
  readonly kind: NumberKind;
  readonly values: bigint[];
}

const FORWARD_PATH = 'net/ipv4/ip_forward';
const UNPRIVILEGED_PATH = 'kernel/unprivileged_bpf_disabled';

/**
 * As Debian's kernel starts, but for ip_forward: devices here forward unless they were made
 * otherwise. One value for all namespaces. tcp_mem and tcp_ecn are kept, and change nothing.
 */
const SETTINGS: Readonly<Record<string, () => Setting>> = {
  [UNPRIVILEGED_PATH]: () => ({ kind: int(0n, 2n), values: [BigInt(UNPRIVILEGED.forbidden)] }),
  'net/core/somaxconn': () => ({ kind: int(0n), values: [4096n] }),
  [FORWARD_PATH]: () => ({ kind: int(), values: [1n] }),
  'net/ipv4/tcp_ecn': () => ({ kind: byte(0n, 2n), values: [2n] }),
  'net/ipv4/tcp_mem': () => ({ kind: long, values: [22_272n, 29_696n, 44_544n] }),
  'net/ipv4/tcp_retries2': () => ({ kind: byte(), values: [15n] }),
  'net/ipv4/tcp_syn_retries': () => ({ kind: byte(1n, 127n), values: [6n] }),
  'net/ipv4/tcp_synack_retries': () => ({ kind: byte(), values: [5n] }),
};

/** A path with its slashes; dots mean the same where there are no slashes (sysctl(8)). */
export const sysctlPath = (name: string): string =>
  name.includes('/') ? name.replace(/^\/?(proc\/sys\/)?/, '') : name.replaceAll('.', '/');

/** A path below /proc/sys, and its numbers. */
export type SavedSetting = readonly [path: string, values: readonly bigint[]];

/** What the files say. Programs of cgroups are asked before (`hook.ts`). */
export class Sysctls {
  readonly #settings = new Map<string, Setting>();

  /** Paths below /proc/sys, in order. */
  static get paths(): readonly string[] {
    return Object.keys(SETTINGS);
  }

  /** Throws KernelError ENOENT. */
  #setting(path: string): Setting {
    let setting = this.#settings.get(path);
    if (setting) return setting;
    if (!Object.hasOwn(SETTINGS, path)) refuse('ENOENT', `the machine has no /proc/sys/${path}`);
    this.#settings.set(path, (setting = SETTINGS[path]!()));
    return setting;
  }

  /** net.ipv4.ip_forward: asked for each packet. */
  forwards = true;

  /** Its first number. */
  number(path: string): number {
    return Number(this.#setting(path).values[0]);
  }

  /** The file's text. Throws KernelError ENOENT. */
  read(path: string): string {
    return `${this.#setting(path).values.join('\t')}\n`;
  }

  /** Throws KernelError ENOENT, EINVAL, EPERM. */
  write(path: string, text: string): void {
    const { kind, values } = this.#setting(path);
    if (path !== UNPRIVILEGED_PATH) {
      writeNumbers(kind, values, text);
      this.forwards = this.number(FORWARD_PATH) !== 0;
      return;
    }
    const written = [...values];
    writeNumbers(kind, written, text);
    const locked = this.unprivilegedBpfDisabled === UNPRIVILEGED.forbiddenForGood;
    if (locked && written[0] !== values[0]) refuse('EPERM', 'it stays 1');
    values[0] = written[0]!;
  }

  /** What was asked for or written, to be put back in another machine. */
  get saved(): readonly SavedSetting[] {
    return [...this.#settings].map(([path, { values }]) => [path, values]);
  }

  restore(settings: readonly SavedSetting[]): void {
    for (const [path, values] of settings) this.write(path, values.join(' '));
  }

  /** kernel.unprivileged_bpf_disabled */
  get unprivilegedBpfDisabled(): number {
    return this.number(UNPRIVILEGED_PATH);
  }

  set unprivilegedBpfDisabled(value: number) {
    this.#setting(UNPRIVILEGED_PATH).values[0] = BigInt(value);
  }
}
