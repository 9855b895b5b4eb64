import { request } from 'node:http';
import { writeFileSync } from 'node:fs';
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
function get(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const { port } = new URL(server.url);
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
      call.end();
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
    expect(JSON.parse((await get(inside('files.json'))).body)).toEqual([
      { name: 'x.bpf.o', url: 'files/0' },
    ]);
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
