/** Screens that are fetched when they are gone to for the first time. */
import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { Empty } from './parts.tsx';

/** `load` imports the screen; until it is there the reader is told. */
export function lazyScreen(load: () => Promise<ComponentType>): ComponentType {
  const found = signal<ComponentType | undefined>(undefined);
  const problem = signal('');
  let isAsked = false;
  const ask = async (): Promise<void> => {
    isAsked = true;
    try {
      const screen = await load();
      found.value = screen;
    } catch (error) {
      isAsked = false;
      problem.value = (error as Error).message;
    }
  };
  return () => {
    if (!isAsked && problem.value === '') void ask();
    const Screen = found.value;
    return Screen ? <Screen /> : <Empty>{problem.value || 'Loading the screen …'}</Empty>;
  };
}
