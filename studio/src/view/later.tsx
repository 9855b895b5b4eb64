/** Screens that are fetched when they are shown for the first time. */
import { useSignal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';
import { notice } from '../store.ts';

/** The default export of a module, once it is there. */
export function later(fetchModule: () => Promise<{ default: ComponentType }>): ComponentType {
  let known: ComponentType | undefined;
  return function Later() {
    const version = useSignal(0);
    useEffect(() => {
      if (known) return;
      fetchModule().then(
        (module) => {
          known = module.default;
          version.value++;
        },
        (error: Error) => (notice.value = error.message),
      );
    }, []);
    const Known = version.value >= 0 ? known : undefined;
    return Known ? <Known /> : null;
  };
}
