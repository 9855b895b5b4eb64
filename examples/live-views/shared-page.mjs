#!/usr/bin/env node
// Tasks share pages of their own memory with a program (__uptr, Linux 6.13). Needs a build.
//   node examples/live-views/shared-page.mjs
import { createMachine, loadKernelProfile, withLater } from '../../dist/index.js';

const kernel = withLater(await loadKernelProfile(), ['uptrs']);
const host = await createMachine({ kernel });
const { programs, maps } = await host.load(new URL('shared-page.bpf.o', import.meta.url));
programs.count.attach();

/** A task that tells the program in a page of its own what it may do. */
function join(comm, pid, limit) {
  const task = host.task({ pid, comm });
  const pages = host.userPages(4096);
  maps.accounts.set(task.number, { budget: pages.address, calls: 0n });
  const budget = maps.accounts.userView('budget', pages, { write: true });
  budget.limit = limit;
  return { comm, task, pages, budget };
}

const tasks = [join('quick', 101, 1000n), join('modest', 102, 3n)];
for (let i = 0; i < 5; i++) for (const { task } of tasks) host.syscall('getpid', { task });
// Nobody asks the map: what the program wrote is in the tasks' own memory.
for (const { comm, budget } of tasks) {
  console.log(`${comm.padEnd(8)} ${budget.calls} calls, ${budget.refused} over ${budget.limit}`);
}
const [{ task, pages }] = tasks;
console.log(`pinned: ${pages.pins}`);
task.free();
console.log(`pinned when the task is gone: ${pages.pins}`);
