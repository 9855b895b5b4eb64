import {
  type GracePeriodPolicy,
  type MemoryModelOptions,
  type MemoryOptions,
} from '../runtime/index.ts';
import type { CommandCall, OptionDef } from './command.ts';
import { usageError } from './exit.ts';

/** Options of commands that run programs over a model of the kernel's allocator. */
export const MEMORY_OPTIONS: Readonly<Record<string, OptionDef>> = {
  gp: {
    type: 'string',
    value: 'POLICY',
    choices: ['eager', 'lazy', 'adversarial'],
    help: 'model the allocator; grace periods end at once, late, or at random (by the seed)',
  },
  oom: {
    type: 'string',
    value: 'WHEN',
    help: 'allocations fail: limit=BYTES, every=N, at=N, joined by commas',
  },
  reuse: {
    type: 'string',
    value: 'WHEN',
    choices: ['immediate', 'after-grace-period'],
    help: 'of deleted hash elements: immediate (as Linux, default) or after-grace-period',
  },
  poison: { type: 'boolean', help: 'what is freed becomes 0x6b bytes' },
  'detect-reuse': { type: 'boolean', help: 'report elements reused while a reader has them' },
};

const OOM = { limit: 'limit', every: 'failEvery', at: 'failAt' } as const;

/** What these options ask for; nothing if none is there. */
export function memoryModelOf(call: CommandCall): MemoryModelOptions {
  const gp = call.text('gp') as GracePeriodPolicy | undefined;
  const memory = memoryOf(call);
  return {
    ...(gp ? { gracePeriods: gp } : {}),
    ...(memory ? { memory } : {}),
    ...(call.flag('detect-reuse') ? { detectReuse: true } : {}),
  };
}

function memoryOf(call: CommandCall): MemoryOptions | undefined {
  const reuse = call.text('reuse') as MemoryOptions['reuse'];
  const given: MemoryOptions = {
    ...parseOom(call.text('oom')),
    ...(reuse ? { reuse } : {}),
    ...(call.flag('poison') ? { poison: true } : {}),
  };
  return Object.keys(given).length === 0 ? undefined : given;
}

/** 'limit=4096,every=10' */
function parseOom(text: string | undefined): MemoryOptions {
  const parsed: Record<string, number> = {};
  for (const part of text?.split(',') ?? []) {
    const [, name, digits] = /^(limit|every|at)=(\d+)$/.exec(part.trim()) ?? [];
    const value = Number(digits);
    if (!name || !(value >= 1 && value <= 0xffffffff)) {
      throw usageError(`--oom takes limit=BYTES, every=N or at=N, not '${part}'`);
    }
    parsed[OOM[name as keyof typeof OOM]] = value;
  }
  return parsed;
}
