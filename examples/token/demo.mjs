#!/usr/bin/env node
// A container loads an XDP program without root: the host delegates exactly what the object needs.
// Needs a build (npm run build).
import { readFileSync } from 'node:fs';
import {
  createMachine,
  delegationText,
  explainToken,
  loadKernelProfile,
  parseObject,
  tokenScope,
} from 'beeyard';

const object = parseObject(readFileSync(new URL('flows.bpf.o', import.meta.url)));
const { delegation, capabilities } = explainToken(object, await loadKernelProfile());
const options = delegationText(delegation);
console.log(`mount options: ${options}\ncapabilities:  ${capabilities.join(' ')}\n`);

const host = await createMachine({ devices: { eth0: {} } });
host.addUserNamespace('web1', { owner: 1000 });
host.mountBpffs('/web1', { userns: 'web1', options });
const user = { uid: 1000, userns: 'web1', capabilities };

/** What comes of a load: a word for people. */
async function attempt(what, load) {
  try {
    const { refused } = await load();
    const [first] = refused.values();
    console.log(`${what.padEnd(34)} ${first ? first.message : 'loads'}`);
  } catch (error) {
    console.log(`${what.padEnd(34)} ${error.message}`);
  }
}

await attempt('user 1000 without a token', () => host.as(user).load(object));
await attempt('root of the host with the token', async () =>
  host.as({ token: '/web1' }).load(object),
);
await attempt('user 1000 with the token', () => host.as({ ...user, token: '/web1' }).load(object));

console.log('\nwithout a bit of it:');
for (const kind of Object.keys(delegation)) {
  for (let bit = 1n; bit <= delegation[kind]; bit <<= 1n) {
    if ((delegation[kind] & bit) === 0n) continue;
    const fewer = { ...delegation, [kind]: delegation[kind] & ~bit };
    const path = `/narrow/${kind}${bit}`;
    host.mountBpffs(path, { userns: 'web1', options: delegationText(fewer) });
    const without = delegationText({ cmds: 0n, maps: 0n, progs: 0n, attachs: 0n, [kind]: bit });
    await attempt(`  ${without}`, () => host.as({ ...user, token: path }).load(object));
  }
}

const { programs, maps } = tokenScope(delegation, (1n << 41n) - 1n);
const types = programs.map(({ type }) => type).join(' ');
console.log(`\nWhoever holds this token can load: ${types}; create: ${maps.join(' ')}.`);
host[Symbol.dispose]();
