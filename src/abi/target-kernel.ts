/** What of a kernel decides how objects are adapted to it: types, configuration, version. */
import type { Btf } from '../btf/index.ts';
import type { KernelModule, KernelTypes } from './modules.ts';

/** A kernel option's value: 'y', 'm', a number, or text in quotes in the configuration. */
export type KernelOption = 'y' | 'm' | bigint | string;

/** What of a kernel decides how an object is relocated. */
export interface TargetKernel extends KernelTypes {
  /** `uname -r` of the build, or what one calls it. */
  readonly release: string;
  /** KERNEL_VERSION(): what the extern LINUX_KERNEL_VERSION holds. */
  readonly versionCode: number;
  /** The kernel's own types (`/sys/kernel/btf/vmlinux`). Each is read when it is asked for. */
  btf(): Btf;
  /** Modules that are loaded, in the order they were. */
  readonly modules: readonly KernelModule[];
  /**
   * A configuration option by its full name ('CONFIG_HZ'); undefined when it is not set. Numbers
   * (also hexadecimal ones) come as bigint, text without its quotes.
   */
  kconfig(name: string): KernelOption | undefined;
}

/** A kernel of which only the types are known: version 0, no option set, no modules. */
export function targetKernelOf(btf: Btf, name: string): TargetKernel {
  return { release: name, versionCode: 0, btf: () => btf, modules: [], kconfig: () => undefined };
}

/** Looks options up in a text that is read when the first is asked for. */
export function kernelOptions(text: () => string): TargetKernel['kconfig'] {
  let options: ReadonlyMap<string, string> | undefined;
  return (name) => {
    options ??= parseOptions(text());
    const value = options.get(name);
    return value === undefined ? undefined : optionValue(value);
  };
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
