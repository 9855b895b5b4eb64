import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OUTPUT, TARBALL, findTree, generate } from '../../scripts/generate-abi.mjs';
import { rawProgramTypes, rawSelectors } from '../../src/abi/generated/6.12/availability.ts';
import { enums } from '../../src/abi/generated/6.12/enums.ts';
import { helperNames } from '../../src/abi/generated/6.12/helpers.ts';
import { rawPrototypes } from '../../src/abi/generated/6.12/prototypes.ts';
import { structs } from '../../src/abi/generated/6.12/structs.ts';
import { helperContract, helpersOf } from '../../src/abi/index.ts';

const tree = process.env.BEEYARD_LINUX_TREE;
const source = tree ?? (existsSync(TARBALL) ? 'package' : undefined);

describe('generated tables', () => {
  it.skipIf(!source)(
    `equal what the generator makes of the kernel source${source ? '' : ` (skipped: ${TARBALL} is missing)`}`,
    () => {
      for (const [name, text] of Object.entries(generate(findTree(tree)!))) {
        expect(readFileSync(join(OUTPUT, name), 'utf8') === text, `${name} has drifted`).toBe(true);
      }
    },
    120_000,
  );

  it('know all 211 helpers of 6.12', () => {
    expect(helperNames).toHaveLength(212);
    expect(helperNames[1]).toBe('map_lookup_elem');
    expect(helperNames[211]).toBe('cgrp_storage_delete');
  });

  it('agree with numbers that are fixed by the ABI', () => {
    expect(enums.bpf_map_type.BPF_MAP_TYPE_RINGBUF).toBe(27);
    expect(enums.bpf_prog_type.BPF_PROG_TYPE_XDP).toBe(6);
    expect(enums.bpf_attach_type.BPF_TCX_INGRESS).toBe(46);
    expect(structs.xdp_md!.size).toBe(24);
    expect(structs.__sk_buff!.size).toBe(192);
    expect(structs.bpf_fib_lookup!.size).toBe(64);
  });

  it('have struct fields inside their structs', () => {
    for (const [name, { size, fields }] of Object.entries(structs)) {
      for (const field of fields) {
        expect(field.offset + field.size, `${name}.${field.name}`).toBeLessThanOrEqual(size);
      }
    }
  });

  it('name only helpers, prototypes and selectors that exist', () => {
    const known = new Set(helperNames);
    for (const [name, selector] of Object.entries(rawSelectors)) {
      if (selector.inherits) expect(rawSelectors, name).toHaveProperty(selector.inherits);
      for (const [helper, row] of Object.entries(selector.calls)) {
        expect(known, `${name}: ${helper}`).toContain(helper);
        for (const proto of row.protos) expect(rawPrototypes).toHaveProperty(proto);
      }
    }
    for (const type of Object.values(rawProgramTypes)) {
      if (type.selector) expect(rawSelectors).toHaveProperty(type.selector);
    }
  });

  it('give every helper a prototype', () => {
    const without = helperNames.filter((_, id) => id > 0 && !helperContract(id));
    expect(without).toEqual([]);
  });

  it('let every program type call something', () => {
    for (const [name, type] of Object.entries(rawProgramTypes)) {
      const id = enums.bpf_prog_type[name as keyof typeof enums.bpf_prog_type];
      expect(helpersOf(id).size > 0, name).toBe(type.selector !== undefined);
    }
  });
});
