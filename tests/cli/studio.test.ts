import { request } from 'node:http';
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/dispatch.ts';
import { serveStudio, type StudioServer } from '../../src/cli/studio-server.ts';
import { beeyard, workFolder } from './helpers.ts';

const files = workFolder();
let server: StudioServer;
let app: string;

beforeAll(async () => {
  const index = files.write('index.html', '<!doctype html>studio');
  app = index.slice(0, -'index.html'.length);
  const bytes = async () => Uint8Array.of(1, 2, 3);
  server = await serveStudio({ app, files: [{ name: 'x.bpf.o', bytes }], port: 0 });
});
afterAll(() => server.close());

/** As written, without what a browser or fetch would mend. */
function get(
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
  body?: string,
  at = server,
) {
  const { port } = new URL(at.url);
  return new Promise<{ status: number; body: string; headers: Record<string, unknown> }>(
    (resolve, reject) => {
      const call = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
        let body = '';
        response.on('data', (part: Buffer) => (body += part.toString('latin1')));
        response.on('end', () =>
          resolve({ status: response.statusCode!, body, headers: response.headers }),
        );
      });
      call.on('error', reject);
      call.end(body);
    },
  );
}

const inside = (path: string) => new URL(path, server.url).pathname;

describe('the server of the studio', () => {
  it('gives the app and the files to who has the token', async () => {
    const { status, body, headers } = await get(inside(''));
    expect([status, body]).toEqual([200, '<!doctype html>studio']);
    expect(headers['content-security-policy']).toContain("default-src 'self'");
    expect(headers['access-control-allow-origin']).toBeUndefined();
    expect(JSON.parse((await get(inside('files.json'))).body)).toEqual({
      files: [{ name: 'x.bpf.o', url: 'files/0' }],
      compiles: false,
    });
    expect((await get(inside('files/0'))).body).toBe('\u0001\u0002\u0003');
    expect((await get(inside('files/1'))).status).toBe(404);
  });

  it('has a token nobody guesses, another one each time', async () => {
    const other = await serveStudio({ app, files: [], port: 0 });
    await other.close();
    const tokens = [server.url, other.url].map((url) => new URL(url).pathname);
    expect(tokens[0]).toMatch(/^\/[\w-]{32}\/$/);
    expect(tokens[0]).not.toBe(tokens[1]);
  });

  it('refuses a wrong token', async () => {
    for (const path of ['/', '/files.json', '/wrong/', inside('').slice(0, -2), '//']) {
      expect([path, (await get(path)).status]).toEqual([path, 403]);
    }
  });

  it('refuses another Host: names that were made to point here', async () => {
    const { port } = new URL(server.url);
    for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1', 'localhost:1']) {
      expect([host, (await get(inside(''), { host })).status]).toEqual([host, 403]);
    }
    expect((await get(inside(''), { host: `localhost:${port}` })).status).toBe(200);
  });

  it('refuses another Origin, its own is fine', async () => {
    const { origin } = new URL(server.url);
    for (const wrong of ['https://evil.example', 'null', 'http://127.0.0.1:1']) {
      expect((await get(inside('files/0'), { origin: wrong })).status).toBe(403);
    }
    expect((await get(inside('files/0'), { origin })).status).toBe(200);
  });

  it('only reads, and only its own folder', async () => {
    expect((await get(inside(''), {}, 'POST')).status).toBe(405);
    for (const path of ['../../../etc/passwd', '%2e%2e/%2e%2e/etc/passwd', '%', '..%2f..', '%00']) {
      const { status } = await get(`${new URL(server.url).pathname}${path}`);
      expect([path, status]).toEqual([path, 404]);
    }
  });

  it('gives nothing through a link that leads out', async () => {
    const { symlinkSync } = await import('node:fs');
    const folder = workFolder();
    const secret = folder.write('secret', 'secret');
    symlinkSync(secret, files.path('link'));
    expect((await get(inside('link'))).status).toBe(404);
  });
});

/** A compiler of three lines: what it does is what the source says. */
const CLANG = `#!/bin/sh
case "$1" in
  --print-targets) echo '    bpf - BPF'; exit;;
  --version) echo 'clang version 0'; exit;;
esac
pwd > FOLDER
echo "$@" >> FOLDER
. ./x.bpf.c
`;

describe('compiling by the server of the studio', () => {
  const seen = files.path('folder');
  const clang = files.write('clang', CLANG.replaceAll('FOLDER', seen));
  chmodSync(clang, 0o755);
  let compiling: StudioServer;
  beforeAll(async () => {
    const env = { ...process.env, CLANG: clang };
    const given = { name: 'x.bpf.c', bytes: async () => Uint8Array.of(), folder: '/own/headers' };
    compiling = await serveStudio({
      app,
      files: [given],
      port: 0,
      compile: { env, cwd: '/', timeout: 700 },
    });
  });
  afterAll(() => compiling.close());

  const JSON_TYPE = { 'content-type': 'application/json' };
  const post = (body: string, headers: Record<string, string> = JSON_TYPE, path?: string) => {
    const to = path ?? `${new URL(compiling.url).pathname}compile`;
    return get(to, headers, 'POST', body, compiling);
  };
  const source = (text: string, name = 'x.bpf.c') => JSON.stringify({ name, text });
  const answered = async (text: string) => {
    const { status, body } = await post(source(text));
    expect(status).toBe(200);
    return JSON.parse(body) as { object?: string; problem?: string; messages: unknown[] };
  };
  /** The folder it ran in, and its arguments. */
  const place = () => readFileSync(seen, 'utf8').split('\n');

  it('gives the object and what the compiler said', async () => {
    const { object, messages } = await answered(
      "printf 'ELF' > object; echo 'x.bpf.c:3:7: warning: unused' >&2",
    );
    expect(Buffer.from(object!, 'base64').toString()).toBe('ELF');
    expect(messages).toEqual([
      { severity: 'warning', text: 'unused', file: 'x.bpf.c', line: 3, column: 7 },
    ]);
    const [folder, args] = place();
    expect(existsSync(folder!)).toBe(false);
    expect(args).toContain('-iquote /own/headers');
    expect(args).toMatch(/-target bpf .*-O2 -g .*-c x\.bpf\.c -o object$/);
  });

  it('gives errors with their places instead', async () => {
    const { object, problem, messages } = await answered(
      "echo 'In file included from x.bpf.c:2:\n/own/headers/a.h:1:9: fatal error: no' >&2; exit 1",
    );
    expect([object, problem]).toEqual([undefined, 'x.bpf.c does not compile']);
    const from = { file: 'x.bpf.c', line: 2 };
    expect(messages).toEqual([
      { severity: 'error', text: 'no', file: 'a.h', line: 1, column: 9, from },
    ]);
  });

  it('ends a compiler that takes too long, and all that it started', async () => {
    const { problem } = await answered(`(sleep 30; touch ${files.path('late')}) & sleep 30`);
    expect(problem).toBe('the compiler was ended after 0.7 s: it did not finish');
    expect(existsSync(place()[0]!)).toBe(false);
    expect(processesIn(place()[0]!)).toEqual([]);
  });

  it('says what is missing if there is no clang', async () => {
    const env = { PATH: '/nowhere', CLANG: files.path('none') };
    const before = process.env['PATH'];
    process.env['PATH'] = '/nowhere';
    const bare = await serveStudio({
      app,
      files: [],
      port: 0,
      compile: { env, cwd: '/', timeout: 1 },
    });
    const to = `${new URL(bare.url).pathname}compile`;
    const { body } = await get(to, JSON_TYPE, 'POST', source(''), bare);
    process.env['PATH'] = before;
    await bare.close();
    expect(JSON.parse(body)).toMatchObject({
      problem: expect.stringMatching(/^no clang with a bpf target found/),
      hint: expect.stringMatching(/^install clang/),
    });
  });

  it('refuses what is not from its own page', async () => {
    const { origin, host, pathname } = new URL(compiling.url);
    const before = readFileSync(seen, 'utf8');
    const wrong = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { host: `evil.example:${host.split(':')[1]}` },
    ];
    for (const headers of wrong) {
      expect((await post(source(''), { ...JSON_TYPE, ...headers })).status).toBe(403);
    }
    for (const path of ['/compile', '/wrong/compile', `${pathname.slice(0, -2)}/compile`]) {
      expect((await post(source(''), JSON_TYPE, path)).status).toBe(403);
    }
    expect((await post(source(''), { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await get(`${pathname}compile`, {}, 'GET', undefined, compiling)).status).toBe(405);
    expect((await get(inside('compile'), JSON_TYPE, 'POST', source(''))).status).toBe(404);
    expect(readFileSync(seen, 'utf8')).toBe(before);
    expect((await post(source('exit 1'), { ...JSON_TYPE, origin })).status).toBe(200);
  });

  it('refuses what is too large or no source', async () => {
    expect((await post(source('x'.repeat(3 << 20)))).status).toBe(413);
    const names = ['../x.c', '/etc/x.c', '-x.c', '.x.c', 'x.h', 'a\\x.c', 'x\n.c', '', '.c'];
    const bodies = ['', '[]', 'null', '{"name":"x.c"}', ...names.map((name) => source('', name))];
    for (const body of bodies) expect([body, (await post(body)).status]).toEqual([body, 400]);
  });
});

/** Commands of processes that run in a folder, or did before it was removed. */
function processesIn(folder: string): string[] {
  if (process.platform !== 'linux') return [];
  const cwdOf = (pid: string): string => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`);
    } catch {
      return '';
    }
  };
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && cwdOf(pid).startsWith(folder));
}

describe('beeyard studio', () => {
  it('says so at once if a file is not there', async () => {
    const { code, err } = await beeyard(['studio', files.path('none.bpf.o'), '--no-open']);
    expect([code, err]).toEqual([3, expect.stringContaining('none.bpf.o')]);
  });

  it('ends with Ctrl-C', async () => {
    writeFileSync(files.path('x.bpf.o'), Uint8Array.of(0x7f));
    const stop = new AbortController();
    let out = '';
    const code = await main(['studio', files.path('x.bpf.o'), '-j'], {
      out: (text) => {
        out += text;
        stop.abort();
      },
      err: () => undefined,
      columns: 80,
      color: false,
      errorColor: false,
      interactive: false,
      env: { BEEYARD_CACHE: '' },
      cwd: process.cwd(),
      interrupt: stop.signal,
    });
    expect(code).toBe(0);
    expect((JSON.parse(out) as { url: string }).url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\//);
  });
});
