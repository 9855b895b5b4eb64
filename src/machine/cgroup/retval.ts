import { errnos } from '../../abi/index.ts';
import { KernelError } from '../../base/index.ts';

const NAMES = new Map(Object.entries(errnos).map(([name, number]) => [number, name]));

/** Throws what programs made a call return, unless that is 0. */
export function throwRetval(retval: number, what: string): void {
  if (retval === 0) return;
  const name = NAMES.get(-retval) ?? 'EPERM';
  throw new KernelError(name, Math.abs(retval), `a program of the cgroup says no to ${what}`);
}
