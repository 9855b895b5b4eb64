// SPDX-License-Identifier: MIT
// Splits HTTP requests: method, path, header names (case folded), header values, lengths.
#include "bench.h"

#define LENGTH 65536
struct text {
  u32 used;
  char bytes[LENGTH + 64];
};
WORK(struct text);

#define LINES 8
#define LINE 64
/* Header lines; each request takes some of them, in another order. */
static const char lines[LINES][LINE] = {
    "Host: www.example.net\r\n",
    "User-Agent: beeyard/0.1\r\n",
    "Accept: text/html,application/json;q=0.9\r\n",
    "Accept-Language: de,en;q=0.5\r\n",
    "Content-Length: 1234\r\n",
    "Cookie: id=77ab; theme=dark\r\n",
    "X-Request-Id: 4f1c9a7730be\r\n",
    "If-Modified-Since: Wed, 15 Jan 2025 12:00:00 GMT\r\n",
};
static const char start[] = "GET /api/v2/items?page=3&sort=name HTTP/1.1\r\n";

PROGRAM(setup) {
  UNUSED(ctx);
  u32 used = 0, random = 77;
  while (used + 10 * LINE < LENGTH) {
    for (u32 i = 0; i < sizeof(start) - 1; i++)
      work.bytes[used++] = start[i];
    for (u32 count = 2 + next_random(&random) % 6; count > 0; count--) {
      const char *line = lines[(next_random(&random) >> 8) % LINES];
      for (u32 i = 0; i < LINE && line[i]; i++)
        work.bytes[used++] = line[i];
    }
    work.bytes[used++] = '\r';
    work.bytes[used++] = '\n';
  }
  work.used = used;
  return used;
}

enum state { METHOD, PATH, VERSION, NAME, VALUE };

PROGRAM(run) {
  UNUSED(ctx);
  u32 used = work.used, hash = 0, number = 0, fields = 0, requests = 0, line = 0;
  enum state state = METHOD;
  if (used > LENGTH)
    return 0;
  for (u32 i = 0; i < used; i++) {
    char c = work.bytes[i];
    if (c == '\r')
      continue;
    if (c == '\n') {
      if (line == 0) {
        requests++;
        state = METHOD;
        continue;
      }
      fields++;
      line = 0;
      state = NAME;
      continue;
    }
    line++;
    if (state == NAME) {
      if (c == ':')
        state = VALUE;
      else
        hash = hash * 31 + (c >= 'A' && c <= 'Z' ? c + 32 : c);
    } else if (state == VALUE) {
      if (c >= '0' && c <= '9')
        number = number * 10 + (c - '0');
    } else if (c == ' ') {
      state = state == METHOD ? PATH : VERSION;
    } else if (state == PATH) {
      hash += c == '&' || c == '?' ? 7 : 1;
    }
  }
  return mix32(hash + ((u64)number << 20) + fields * 3 + requests);
}
