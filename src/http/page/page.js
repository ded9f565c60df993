/** @import { Bound, Box, Edge, Latency, LiveMessage, LiveService, RecentDeadLetter, RecentEvent } from '../snapshot.ts' */
/** @import { TappedValue } from '../tap.ts' */

/** Rates are averaged over this time, so that a batch that lands within one second causes no jump. */
const RATE_MS = 5_000;
/** Latencies and the line chart of each service cover this time. */
const WINDOW_MS = 60_000;
const MAX_ROWS = 100;
const MAX_PEEKED = 50;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 5_000;
/** Without a sample for this time, the numbers are stale. */
const SILENT_MS = 4_000;

/** @typedef {{ at: number, counts: Map<string, number>, latencies: readonly Latency[] }} Sample */

// Elements

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 */
function byId(id, kind) {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`the page has no ${id}`);
}

/**
 * Makes an element; texts are never read as HTML.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/**
 * Writes a text only where it differs: a screen reader and a selection stay undisturbed.
 * @param {Element} target
 * @param {string} text
 */
function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/**
 * @param {Element} target
 * @param {string} name
 * @param {string} value
 */
function mark(target, name, value) {
  if (target.getAttribute(name) !== value) target.setAttribute(name, value);
}

// Numbers

/** @param {number} value */
const whole = (value) => Math.round(value).toLocaleString('en-US');

/** @param {number} value */
function rateText(value) {
  if (value >= 100) return whole(value);
  if (value >= 10) return value.toFixed(1);
  return value === 0 ? '0' : value.toFixed(2);
}

/** @param {number} value */
function bytesText(value) {
  if (value >= 1024 ** 3) return `${(value / 1024 ** 3).toFixed(1)} GiB`;
  if (value >= 1024 ** 2) return `${(value / 1024 ** 2).toFixed(1)} MiB`;
  if (value >= 1024) return `${(value / 1024).toFixed(1)} KiB`;
  return `${whole(value)} B`;
}

/** @param {number} seconds */
function secondsText(seconds) {
  if (seconds < 1) return `${(seconds * 1_000).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
  return seconds < 120 ? `${seconds.toFixed(1)} s` : `${whole(seconds / 60)} min`;
}

/** @param {number} ms */
function uptimeText(ms) {
  const seconds = Math.floor(ms / 1_000);
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3_600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

/** `deadLettered` and `no_data` in words. @param {string} name */
const words = (name) => name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).replaceAll('_', ' ');

/**
 * The time below which a share of the values of a window lie, within the bucket that holds it.
 * @param {Latency} now
 * @param {Latency | undefined} before
 * @param {number} share
 */
function quantile(now, before, share) {
  const total = now.count - (before?.count ?? 0);
  if (total <= 0) return undefined;
  let below = 0;
  for (const [index, bound] of now.bounds.entries()) {
    const inside = (now.counts[index] ?? 0) - (before?.counts[index] ?? 0);
    if (below + inside >= share * total) {
      const from = now.bounds[index - 1] ?? 0;
      return { seconds: from + ((bound - from) * (share * total - below)) / inside, isBeyond: false };
    }
    below += inside;
  }
  return { seconds: now.bounds.at(-1) ?? 0, isBeyond: true };
}

// Services

/** Shows one service, and updates what changes in place. */
class ServiceView {
  /** @type {Sample[]} */
  #samples = [];
  /** The outline that is drawn. */
  #drawn = '';
  #pipeline;
  #title = element('h2');
  #state = element('p', { class: 'pill' });
  #about = element('p', { class: 'quiet' });
  #link = element('a', { class: 'quiet' });
  #spark = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  #problems = element('ul', { class: 'problems', 'aria-label': 'Problems' });
  #graph = element('ol', { class: 'graph', 'aria-label': 'Graph, from the source to the settlement' });
  #side = element('div', { class: 'side' });
  #bounds = element('div');
  #ledger = element('tbody');
  #latencies = element('tbody');
  #beside = element('tbody');
  #besidePanel = panel('Outside the graph', table(['', 'rate', 'total', 'share'], this.#beside));
  #deadLetters = element('tbody');
  #deadLetterTable = scrolling(
    'Dead letters',
    table(['time', 'reason', 'error', 'beginning of the payload'], this.#deadLetters, []),
  );
  #noDeadLetters = element('p', { class: 'quiet' }, 'none since the start');
  #events = element('tbody');

  #more = element('details', { class: 'more' });

  /** @param {LiveService} service @param {boolean} isOpen */
  constructor({ pipeline, service }, isOpen) {
    this.#pipeline = pipeline;
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    mark(svg, 'class', 'spark');
    mark(svg, 'viewBox', '0 0 60 20');
    mark(svg, 'preserveAspectRatio', 'none');
    mark(svg, 'role', 'img');
    mark(svg, 'aria-label', 'Messages per second, last minute');
    svg.append(this.#spark);
    write(this.#title, pipeline);
    this.#more.open = isOpen;
    // With a single service, the top of the page shows both.
    this.#title.hidden = isOpen;
    this.#state.hidden = isOpen;
    this.#more.append(
      element('summary', {}, 'Bounds, ledger, times, dead letters, events'),
      element(
        'div',
        { class: 'panels' },
        panel('Bounds', this.#bounds),
        panel('Ledger', table(['', 'rate', 'total'], this.#ledger)),
        panel('Time, last minute', table(['', 'p50', 'p95', 'p99'], this.#latencies, undefined, 'names')),
        this.#besidePanel,
      ),
      panel('Dead letters', this.#noDeadLetters, this.#deadLetterTable),
      panel('Events', scrolling('Events', table(['time', 'event', 'meaning', 'fields'], this.#events, []))),
    );
    this.root = element(
      'section',
      { class: 'service', 'aria-label': pipeline, 'data-service': service },
      element('header', {}, this.#title, this.#state, this.#about, this.#link, svg),
      this.#problems,
      this.#graph,
      this.#side,
      this.#more,
    );
  }

  /**
   * @param {LiveService} service
   * @param {number} at
   * @param {boolean} trusted
   */
  show(service, at, trusted) {
    this.#keep(service, at);
    const state = stateOf(service);
    mark(this.root, 'data-state', state);
    mark(this.#state, 'data-state', state);
    write(this.#state, STATES[state]);
    const kind = service.service === service.pipeline ? '' : `${service.service}, `;
    write(this.#about, `${kind}up ${uptimeText(service.uptimeMs)}`);
    const isHere = service.url === '' || new URL(service.url).port === location.port;
    write(this.#link, isHere ? '' : service.url.replace('http://', ''));
    if (!isHere) mark(this.#link, 'href', service.url);
    this.#showSpark();
    this.#showProblems(service);
    this.#showGraph(service, trusted);
    this.#showBounds(service.bounds);
    this.#showLedger(service);
    this.#showLatencies(service.latencies);
    this.#showBeside(service.beside);
    addRows(this.#deadLetters, service.deadLetters.map(deadLetterRow));
    this.#noDeadLetters.hidden = this.#deadLetters.childElementCount > 0;
    this.#deadLetterTable.hidden = !this.#noDeadLetters.hidden;
    addRows(this.#events, service.events.map(eventRow));
  }

  /** @param {LiveService} service @param {number} at */
  #keep(service, at) {
    const counts = new Map(
      Object.entries(service.ledger).flatMap(([name, value]) => (typeof value === 'number' ? [[name, value]] : [])),
    );
    for (const { probe, count } of [...service.edges, ...service.inSink, ...service.beside])
      counts.set(`probe ${probe}`, count);
    // A restarted service counts from 0.
    const last = this.#samples.at(-1);
    if (last !== undefined && (last.counts.get('received') ?? 0) > service.ledger.received) this.#samples = [];
    this.#samples.push({ at, counts, latencies: service.latencies });
    while ((this.#samples[0]?.at ?? at) < at - WINDOW_MS - 1_000) this.#samples.shift();
  }

  /** @param {string} name */
  #rate(name) {
    const now = this.#samples.at(-1);
    const then = this.#samples.find(({ at }) => at >= (now?.at ?? 0) - RATE_MS - 100);
    if (now === undefined || then === undefined || now.at <= then.at) return 0;
    return (((now.counts.get(name) ?? 0) - (then.counts.get(name) ?? 0)) * 1_000) / (now.at - then.at);
  }

  #showSpark() {
    const rates = this.#samples.slice(1).map(({ at, counts }, index) => {
      const before = this.#samples[index];
      if (before === undefined) return 0;
      return (((counts.get('received') ?? 0) - (before.counts.get('received') ?? 0)) * 1_000) / (at - before.at);
    });
    const most = Math.max(1, ...rates);
    const start = 60 - rates.length;
    const points = rates.map((rate, index) => `${start + index} ${(19 - (rate / most) * 18).toFixed(1)}`);
    mark(this.#spark, 'd', points.length < 2 ? '' : `M${points.join('L')}`);
  }

  /** @param {LiveService} service */
  #showProblems({ report }) {
    const bad = Object.entries(report.components).filter(([, { state }]) => state !== 'ok');
    const key = JSON.stringify(bad);
    if (this.#problems.dataset.key === key) return;
    this.#problems.dataset.key = key;
    this.#problems.replaceChildren(
      ...bad.map(([part, { state, detail }]) =>
        element('li', { 'data-state': state }, element('span', { class: 'what' }, part), ` is ${state}: ${detail}`),
      ),
    );
  }

  /** @param {LiveService} service @param {boolean} trusted */
  #showGraph(service, trusted) {
    const outline = JSON.stringify([
      trusted,
      service.boxes.map(({ title, operators }) => [title, operators]),
      service.edges.map(({ probe }) => probe),
    ]);
    if (outline !== this.#drawn) {
      this.#drawn = outline;
      this.#graph.replaceChildren(
        ...service.boxes.flatMap((box, index) => {
          const edge = service.edges[index];
          return [drawBox(box), ...(edge === undefined ? [] : [drawEdge(edge, this.#pipeline, trusted)])];
        }),
      );
    }
    const boxes = [...this.#graph.querySelectorAll('.box')];
    for (const [index, box] of service.boxes.entries()) {
      const drawn = boxes[index];
      if (drawn === undefined) continue;
      mark(drawn, 'data-state', box.state);
      const state = drawn.querySelector('.state');
      if (state !== null) write(state, box.state === 'ok' ? '' : box.state);
      const place = drawn.querySelector('.place');
      if (place !== null) write(place, placeOf(box, service));
      showFacts(drawn.querySelector('.facts'), this.#factsOf(box, service));
    }
    const edges = [...this.#graph.querySelectorAll('.edge')];
    for (const [index, { probe, count }] of service.edges.entries()) {
      const rate = this.#rate(`probe ${probe}`);
      const drawn = edges[index];
      const shown = drawn?.querySelector('.rate b');
      const total = drawn?.querySelector('.total');
      if (!drawn || !shown || !total) continue;
      mark(drawn, 'data-flows', String(rate > 0));
      write(shown, rateText(rate));
      write(total, whole(count));
    }
    const { state, problems } = service.deadLetterBox;
    this.#side.hidden = state === 'ok';
    mark(this.#side, 'data-state', state);
    write(this.#side, `dead letters: ${problems.map(({ detail }) => detail).join('; ')}`);
  }

  /** @param {Box} box @param {LiveService} service @returns {[string, string][]} */
  #factsOf({ role, title }, { bounds, inSink, ledger }) {
    if (role === 'source') {
      const credit = bounds.find(({ unit }) => unit === 'messages');
      return [
        ['in flight', whole(ledger.inFlight)],
        ['may hold', credit === undefined ? '' : whole(credit.limit)],
      ];
    }
    if (role === 'settled') {
      return [
        ['acked', whole(ledger.acked)],
        ['went back', whole(ledger.nacked + ledger.expired)],
        ['dead-lettered', whole(ledger.deadLettered)],
        ['dropped', whole(ledger.dropped)],
      ];
    }
    if (role !== 'sink' || title === '') return [];
    return [
      ...inSink.map(({ probe, counted }) => fact(`${counted} ${probe}`, `${rateText(this.#rate(`probe ${probe}`))}/s`)),
    ];
  }

  /** @param {readonly Bound[]} bounds */
  #showBounds(bounds) {
    if (this.#bounds.childElementCount !== bounds.length * 2) {
      this.#bounds.replaceChildren(
        ...bounds.flatMap(({ name, unit }) => {
          const label = `${unit} ${name}`;
          return [
            element('div', { class: 'bound' }, element('span', {}, label), element('span')),
            // A batch that is open is nothing to worry about; credit that is used up is.
            element('meter', { 'aria-label': label, ...(unit === 'batches' ? {} : { low: '0.9', optimum: '0' }) }),
          ];
        }),
      );
    }
    for (const [index, { unit, used, limit, peak }] of bounds.entries()) {
      const text = this.#bounds.children[index * 2]?.lastElementChild;
      const meter = this.#bounds.children[index * 2 + 1];
      const shown = unit === 'bytes' ? bytesText : whole;
      if (text) write(text, `${shown(used)} / ${shown(limit)}${peak === undefined ? '' : `, peak ${shown(peak)}`}`);
      if (meter instanceof HTMLMeterElement) meter.value = limit === 0 ? 0 : used / limit;
    }
  }

  /** @param {LiveService} service */
  #showLedger({ ledger }) {
    /** @type {[string, string, number][]} */
    const rows = [
      ['received', 'received', ledger.received],
      ['acked', 'acknowledged', ledger.acked],
      ['nacked', 'given back', ledger.nacked],
      ['deadLettered', 'dead-lettered', ledger.deadLettered],
      ['dropped', 'dropped', ledger.dropped],
      ['expired', 'expired', ledger.expired],
    ];
    const faults = ledger.settledTwice > 0 ? `, ${whole(ledger.settledTwice)} settled twice` : '';
    showRows(this.#ledger, [
      ...rows.map(([name, title, count]) => [title, `${rateText(this.#rate(name))}/s`, whole(count)]),
      ['in flight', '', whole(ledger.inFlight)],
      ['balance', '', `${ledger.balanced ? 'balanced' : 'NOT BALANCED'}${faults}`],
    ]);
    const last = this.#ledger.lastElementChild;
    if (last === null) return;
    mark(last, 'class', 'sum');
    if (last.lastElementChild) mark(last.lastElementChild, 'class', ledger.balanced ? 'n ok' : 'n bad');
  }

  /** @param {readonly Latency[]} latencies */
  #showLatencies(latencies) {
    const [oldest] = this.#samples;
    const timed = latencies.filter(({ name }) => name.endsWith('_duration_seconds'));
    showRows(
      this.#latencies,
      timed.map((latency) => {
        const before = oldest?.latencies.find(({ name }) => name === latency.name);
        const from = before === undefined || before.count === latency.count ? undefined : before;
        const title = words(latency.name.replace(/^dataflow_/, '').replace(/_duration_seconds$/, ''));
        return [
          title,
          ...[0.5, 0.95, 0.99].map((share) => {
            const found = quantile(latency, from, share);
            return found === undefined ? '–' : `${found.isBeyond ? '> ' : ''}${secondsText(found.seconds)}`;
          }),
        ];
      }),
    );
  }

  /** @param {readonly Edge[]} beside */
  #showBeside(beside) {
    this.#besidePanel.hidden = beside.length === 0;
    const isLookup = beside.some(({ probe }) => probe.endsWith('Hit'));
    const heading = this.#besidePanel.querySelector('h3');
    if (heading) write(heading, isLookup ? 'Lookup, by layer' : 'Outside the graph');
    const total = beside.reduce((sum, { count }) => sum + count, 0);
    showRows(
      this.#beside,
      beside.map(({ probe, count }) => [
        words(probe.replace(/Hit$/, '')),
        `${rateText(this.#rate(`probe ${probe}`))}/s`,
        whole(count),
        isLookup && total > 0 ? `${((count / total) * 100).toFixed(1)} %` : '',
      ]),
    );
  }
}

/** @param {string} name @param {string} value @returns {[string, string]} */
const fact = (name, value) => [name, value];

/** What a source reads or a sink writes, without its project. @param {Box} box @param {LiveService} service */
function placeOf({ role }, { wiring: { input, outputs } }) {
  const names = role === 'sink' ? outputs : role === 'source' && input !== undefined ? [input] : [];
  const short = names.map((name) => name.replace(/^projects\/[^/]+\/(topics|subscriptions)\//, ''));
  const more = short.length > 2 ? ` and ${short.length - 2} more` : '';
  return short.length === 0 ? '' : `${role === 'sink' ? '→ ' : ''}${short.slice(0, 2).join(', ')}${more}`;
}

/** @type {Record<'ok' | 'degraded' | 'failing', string>} */
const STATES = { ok: 'ready', degraded: 'ready, degraded', failing: 'not ready' };

/** @param {LiveService} service @returns {'ok' | 'degraded' | 'failing'} */
function stateOf({ report }) {
  if (!report.ready) return 'failing';
  return report.degraded ? 'degraded' : 'ok';
}

/** @param {string} title @param {...Node} children */
function panel(title, ...children) {
  return element('div', { class: 'panel' }, element('h3', {}, title), ...children);
}

/** A scrollable region can be reached by keyboard. @param {string} label @param {Node} child */
function scrolling(label, child) {
  return element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label }, child);
}

/** @param {string[]} titles @param {HTMLTableSectionElement} body @param {string[]} [numbers] @param {string} [kind] */
function table(titles, body, numbers = titles.slice(1), kind = '') {
  const heads = titles.map((title) =>
    element('th', { scope: 'col', ...(numbers.includes(title) ? { class: 'n' } : {}) }, title),
  );
  return element('table', { class: kind }, element('thead', {}, element('tr', {}, ...heads)), body);
}

/** Rows of a name and numbers, updated in place. @param {HTMLTableSectionElement} body @param {string[][]} rows */
function showRows(body, rows) {
  while (body.childElementCount > rows.length) body.lastElementChild?.remove();
  for (const [index, cells] of rows.entries()) {
    const row =
      body.children[index] ??
      body.appendChild(
        element('tr', {}, element('th', { scope: 'row' }), ...cells.slice(1).map(() => element('td', { class: 'n' }))),
      );
    for (const [column, text] of cells.entries()) {
      const cell = row.children[column];
      if (cell) write(cell, text);
    }
  }
}

/** The latest first. @param {HTMLTableSectionElement} body @param {HTMLTableRowElement[]} rows */
function addRows(body, rows) {
  if (rows.length === 0) return;
  body.prepend(...rows.reverse());
  while (body.childElementCount > MAX_ROWS) body.lastElementChild?.remove();
}

/** @param {string} time */
const clock = (time) => element('time', { datetime: time, title: time }, time.slice(11, 23));

/** @param {RecentDeadLetter} deadLetter */
function deadLetterRow({ time, reason, error = 'hidden', source = '', preview = 'hidden' }) {
  return element(
    'tr',
    { title: source },
    element('td', { class: 'mono' }, clock(time)),
    element('td', {}, reason),
    element('td', {}, error),
    element('td', { class: 'mono' }, preview),
  );
}

/** @param {RecentEvent} event */
function eventRow({ time, level, event, message, fields = '' }) {
  return element(
    'tr',
    { 'data-level': level },
    element('td', { class: 'mono' }, clock(time)),
    element('td', { class: 'mono event' }, event),
    element('td', {}, message),
    element('td', { class: 'mono' }, fields),
  );
}

/** @param {Box} box */
function drawBox({ role, title, operators }) {
  return element(
    'li',
    { class: 'box', 'data-role': role },
    element('span', { class: 'state' }),
    element('h3', {}, title),
    element('div', { class: 'place' }),
    element('div', { class: 'operators' }, ...operators.map((operator) => element('div', {}, operator))),
    element('dl', { class: 'facts' }),
  );
}

/** @param {Edge} edge @param {string} pipeline @param {boolean} trusted */
function drawEdge({ probe }, pipeline, trusted) {
  const peekLabel = `${words(probe)}: show messages`;
  const name = trusted
    ? element('button', { type: 'button', title: peekLabel, 'aria-label': peekLabel }, words(probe))
    : element('span', { class: 'quiet' }, words(probe));
  if (trusted) name.addEventListener('click', () => peek(pipeline, probe));
  return element(
    'li',
    { class: 'edge', 'data-probe': probe },
    element('div', { class: 'rate' }, element('b', {}, '0'), element('small', {}, '/s')),
    element('div', { class: 'arrow', 'aria-hidden': 'true' }),
    name,
    element('div', { class: 'quiet total' }, '0'),
  );
}

/** @param {Element | null} list @param {[string, string][]} facts */
function showFacts(list, facts) {
  if (list === null) return;
  while (list.childElementCount > facts.length) list.lastElementChild?.remove();
  for (const [index, [name, value]] of facts.entries()) {
    const row = list.children[index] ?? list.appendChild(element('div', {}, element('dt'), element('dd')));
    const [dt, dd] = row.children;
    if (dt) write(dt, name);
    if (dd) write(dd, value);
  }
}

// Streams

let token = '';

/**
 * Reads server-sent events by fetch, which can send a token in a header; an address would keep it in logs.
 * @param {string} path
 * @param {AbortSignal} signal
 * @param {(data: string) => void} onData
 */
async function readEvents(path, signal, onData) {
  const headers = token === '' ? undefined : { authorization: `Bearer ${token}` };
  const response = await fetch(path, { signal, cache: 'no-store', ...(headers === undefined ? {} : { headers }) });
  if (!response.ok || response.body === null) throw new Error((await response.text()).trim() || response.statusText);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const events = (rest + value).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events) if (event.startsWith('data: ')) onData(event.slice(6));
  }
}

const main = byId('services', HTMLElement);
const connection = byId('connection', HTMLElement);
const overall = byId('state', HTMLElement);
const unlock = byId('unlock', HTMLButtonElement);
/** @type {Map<string, ServiceView>} */
const views = new Map();
let lastSampleAt = performance.now();
let isPaused = false;
/** @type {AbortController | undefined} */
let watching;

/** @param {LiveMessage} message */
function show({ services, at, trusted }) {
  lastSampleAt = performance.now();
  write(connection, isPaused ? 'paused' : 'live, every second');
  unlock.hidden = trusted;
  for (const service of services) {
    let view = views.get(service.pipeline);
    if (view === undefined) {
      view = new ServiceView(service, services.length === 1);
      views.set(service.pipeline, view);
      main.append(view.root);
    }
    view.show(service, at, trusted);
  }
  const names = services.map(({ pipeline }) => pipeline);
  write(byId('title', HTMLElement), names.length === 1 ? (names[0] ?? '') : `platform of ${names.length} services`);
  const red = services.filter((service) => stateOf(service) === 'failing').map(({ pipeline }) => pipeline);
  const isDegraded = services.some((service) => stateOf(service) === 'degraded');
  const state = red.length > 0 ? 'failing' : isDegraded ? 'degraded' : 'ok';
  mark(overall, 'data-state', state);
  write(overall, state === 'failing' && names.length > 1 ? `not ready: ${red.join(', ')}` : STATES[state]);
  document.title = `${state === 'ok' ? '' : state === 'failing' ? '✕ ' : '! '}${names.join(', ')}`;
}

async function watch() {
  let retryMs = FIRST_RETRY_MS;
  watching?.abort();
  const controller = new AbortController();
  watching = controller;
  while (!controller.signal.aborted) {
    try {
      await readEvents('live', controller.signal, (data) => {
        retryMs = FIRST_RETRY_MS;
        show(JSON.parse(data));
      });
      if (controller.signal.aborted) return;
      lost('the service has closed the stream');
    } catch (problem) {
      if (controller.signal.aborted) return;
      lost(problem instanceof Error ? problem.message : String(problem));
    }
    // The lists start over with what the service has kept.
    const waitMs = retryMs;
    retryMs = Math.min(LAST_RETRY_MS, retryMs * 2);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (!controller.signal.aborted) restart();
  }
}

/** A new stream sends the kept events and dead letters again. */
function restart() {
  for (const view of views.values())
    view.root.querySelectorAll('.scroll tbody').forEach((body) => {
      body.replaceChildren();
    });
}

/** @param {string} why */
function lost(why) {
  mark(overall, 'data-state', 'failing');
  write(overall, 'no connection');
  write(connection, `${why}; trying again`);
}

setInterval(() => {
  if (isPaused || document.hidden) return;
  const silentMs = performance.now() - lastSampleAt;
  if (silentMs > SILENT_MS && views.size > 0 && overall.textContent !== 'no connection') {
    write(connection, `no sample for ${Math.round(silentMs / 1_000)} s`);
  }
}, 1_000);

// A hidden tab has no viewer: the service samples nothing for it.
document.addEventListener('visibilitychange', () => {
  if (isPaused) return;
  if (document.hidden) watching?.abort();
  else {
    restart();
    watch();
  }
});

const pause = byId('pause', HTMLButtonElement);
pause.addEventListener('click', () => {
  isPaused = !isPaused;
  mark(pause, 'aria-pressed', String(isPaused));
  if (isPaused) {
    watching?.abort();
    write(connection, 'paused');
  } else {
    restart();
    watch();
  }
});

// Theme: that of the system, or one of two.

const THEMES = ['system', 'light', 'dark'];
const themeButton = byId('theme', HTMLButtonElement);

/** @param {string} theme */
function setTheme(theme) {
  if (theme === 'system') document.documentElement.removeAttribute('data-theme');
  else document.documentElement.dataset.theme = theme;
  write(themeButton, `Theme: ${theme}`);
}

function storedTheme() {
  try {
    return localStorage.getItem('theme') ?? 'system';
  } catch {
    return 'system';
  }
}

let theme = THEMES.includes(storedTheme()) ? storedTheme() : 'system';
setTheme(theme);
themeButton.addEventListener('click', () => {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system';
  setTheme(theme);
  try {
    localStorage.setItem('theme', theme);
  } catch {
    // Kept for this visit only.
  }
});

// Contents

const tokenDialog = byId('token-dialog', HTMLDialogElement);
const tokenInput = byId('token', HTMLInputElement);
unlock.addEventListener('click', () => tokenDialog.showModal());
byId('token-cancel', HTMLButtonElement).addEventListener('click', () => tokenDialog.close(''));
tokenDialog.addEventListener('close', () => {
  if (tokenDialog.returnValue !== 'ok') return;
  token = tokenInput.value.trim();
  tokenInput.value = '';
  restart();
  watch();
});

const peekDialog = byId('peek', HTMLDialogElement);
const peekNote = byId('peek-note', HTMLElement);
const peekValues = byId('peek-values', HTMLOListElement);
/** @type {AbortController | undefined} */
let peeking;

/** Shows some of the values that pass a probe, a few per second. @param {string} pipeline @param {string} probe */
async function peek(pipeline, probe) {
  peeking?.abort();
  const controller = new AbortController();
  peeking = controller;
  write(byId('peek-title', HTMLElement), `${pipeline}: ${words(probe)}`);
  write(peekNote, 'waiting for a message');
  peekValues.replaceChildren();
  peekDialog.showModal();
  try {
    await readEvents(
      `tap/${encodeURIComponent(pipeline)}/${encodeURIComponent(probe)}?rate=2`,
      controller.signal,
      (data) => {
        /** @type {TappedValue} */
        const { time, value, skipped } = JSON.parse(data);
        write(peekNote, `at most two per second; ${whole(skipped)} omitted`);
        const { payload, ...rest } = value;
        const text = `${time.slice(11, 23)}  ${JSON.stringify(rest, null, 2)}`;
        peekValues.prepend(element('li', {}, typeof payload === 'string' ? `${text}\n${payload}` : text));
        while (peekValues.childElementCount > MAX_PEEKED) peekValues.lastElementChild?.remove();
      },
    );
    write(peekNote, 'the stream has ended');
  } catch (problem) {
    if (!controller.signal.aborted) write(peekNote, problem instanceof Error ? problem.message : String(problem));
  }
}
peekDialog.addEventListener('close', () => peeking?.abort());

if (!document.hidden) watch();
