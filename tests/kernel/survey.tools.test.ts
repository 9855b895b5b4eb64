import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { it } from 'vitest';
import { testSpecs } from '../../scripts/corpus/annotations.mjs';
import { createMachine, parseObject } from '../../src/index.ts';
const cache = join(homedir(), '.cache', 'beeyard');
const folder = readdirSync(cache).filter((n) => /^selftests-[0-9a-f]+/.test(n)).map((n) => join(cache, n)).find((p) => existsSync(join(p, 'exceptions.bpf.o')))!;
it('survey', async () => {
  const rows: string[] = [];
  for (const file of readdirSync(folder).filter((n) => n.endsWith('.bpf.o')).sort()) {
    const bytes = new Uint8Array(readFileSync(join(folder, file)));
    let object;
    try { object = parseObject(bytes); } catch { continue; }
    const specs = testSpecs(object) as Map<string, any>;
    for (const program of object.programs) {
      const spec = specs.get(program.name);
      const wanted = spec?.privileged.retval;
      if (wanted === undefined || spec.skipped || spec.privileged.failure || !(spec.modes & 1)) continue;
      const out: string[] = [];
      for (const engine of ['wasm', 'interpreter'] as const) {
        try {
          using host = await createMachine({ engine });
          const loaded = await host.load(object, { programs: [program.name] });
          const { returnValue } = loaded.programs[program.name]!.run({ data: new Uint8Array(64) });
          out.push(String(returnValue));
        } catch (error) { out.push((error as Error).message.split('\n')[0]!); }
      }
      rows.push([file, program.name, program.type, wanted, ...out].join('\t'));
    }
  }
  writeFileSync('/tmp/survey.tsv', rows.join('\n'));
}, 600_000);
