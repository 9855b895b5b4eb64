/**
 * Lets Node import BPF objects and sources: `node --import beeyard/register app.mjs`.
 *
 * ```ts
 * import counter from './counter.bpf.c'; // compiled; ./counter.bpf.o is taken as it is
 * ```
 */
import nodeModule from 'node:module';

type Register = (hooks: { readonly load: unknown }) => void;

// Node 22.15 and 23.5 brought hooks in the thread of the program; before, they have their own.
const { registerHooks } = nodeModule as { readonly registerHooks?: Register };
if (registerHooks) registerHooks({ load: (await import('./hooks.ts')).load });
else nodeModule.register(new URL('./hooks.js', import.meta.url));
