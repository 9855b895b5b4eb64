/** Which modules of a kernel the machine needs before it has files. */

/** In an order that works: each after those it needs. What is built in has no file. */
const DRIVERS = [
  'virtio_ring',
  'virtio',
  'virtio_pci_modern_dev',
  'virtio_pci_legacy_dev',
  'virtio_pci',
  'virtio_console',
  'netfs',
  'fscache',
  '9pnet',
  '9pnet_virtio',
  '9p',
  'overlay',
];
const MODULE = /([^/]+)\.ko(\.xz|\.zst)?$/;

/** Those of a kernel's module files (paths) that the machine loads, in that order. */
export function neededModules(paths: readonly string[]): readonly string[] {
  const byName = new Map(paths.map((path) => [MODULE.exec(path)?.[1], path]));
  return DRIVERS.flatMap((name) => byName.get(name) ?? []);
}

/** Patterns of those files for tar. */
export const modulePatterns = (): readonly string[] =>
  DRIVERS.map((name) => `./lib/modules/*/kernel/*/${name}.ko*`);

/** Numbers in names count as numbers: newest last. */
const byVersion = new Intl.Collator('en', { numeric: true }).compare;

/**
 * The newest of Debian's image packages (names as apt-cache knows them) for a version such as 6.12
 * or 6.1.0-56, or undefined. The unsigned ones hold the same kernel.
 */
export function newestImage(names: readonly string[], version: string): string | undefined {
  const pattern = /^linux-image-(\d[\d.]*\d(?:-\d+)?)(?:\+[a-z0-9]+)?-amd64(?:-unsigned)?$/;
  return names
    .filter((name) => {
      const found = pattern.exec(name)?.[1];
      // linux-image-6.12-amd64 is an empty package that names another.
      const isKernel = found !== undefined && /^\d+\.\d+\.\d+/.test(found);
      return isKernel && (found === version || /^[.-]/.test(rest(found, version)));
    })
    .sort(byVersion)
    .at(-1);
}

/** What follows a prefix; nothing if it is none. */
const rest = (text: string, prefix: string): string =>
  text.startsWith(prefix) ? text.slice(prefix.length) : '';
