// An ESME on node-smpp, driven by the tests: JSON commands on stdin, JSON events on stdout, one a line.
//
//   {"do": "bind", "host": …, "port": …, "mode": "transceiver", "pdu": {system_id, password, …}}
//   {"do": "send", "tag": …, "command": "submit_sm", "pdu": {…}}        any request that node-smpp knows
//   {"do": "long", "tag": …, "how": "udh" | "payload", "text": …, "pdu": {…}}
//   {"do": "answer", "status": N}                                     command_status of the deliver_sm_resp to come
//   {"do": "unbind"}
//
// Events: bound, resp (with the tag), deliver_sm, closed, error. A Buffer is shown as its octets in hex.
'use strict';
const smpp = require('smpp');

let session = null;
let answer = 0;
let reference = 0;

const say = (event, fields) => process.stdout.write(JSON.stringify({ event, ...fields }) + '\n');

function plain(value) {
  if (Buffer.isBuffer(value)) return value.toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === 'object' && !(value instanceof Date)) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
  }
  return value;
}

function bind({ host, port, mode, pdu }) {
  session = smpp.connect({ host, port }, () => {
    session[`bind_${mode || 'transceiver'}`](pdu, (resp) => say('bound', { status: resp.command_status }));
  });
  session.on('pdu', (received) => {
    if (received.command === 'deliver_sm') {
      const { message, udh } = received.short_message || {};
      say('deliver_sm', { ...plain(received), text: plain(message), udh: plain(udh || []) });
      session.send(received.response({ command_status: answer }));
    } else if (['enquire_link', 'unbind'].includes(received.command)) {
      session.send(received.response());
    }
  });
  session.on('close', () => say('closed', {}));
  session.on('error', (error) => say('error', { message: String(error) }));
}

const send = (tag, command, pdu) => session[command](pdu, (resp) => say('resp', { tag, ...plain(resp) }));

// SMPP 3.4 has two roads for a long text: the application splits it under a UDH (3GPP 23.040, 9.2.3.24.1), or
// leaves it whole in message_payload (5.3.2.32) for the SMSC to split.
function long({ tag, how, text, pdu }) {
  if (how === 'payload') return send(tag, 'submit_sm', { ...pdu, short_message: '', message_payload: text });
  const room = smpp.encodings.detect(text) === 'UCS2' ? 67 : 153;
  const parts = Array.from({ length: Math.ceil(text.length / room) }, (_, i) => text.slice(i * room, (i + 1) * room));
  reference = (reference + 1) % 256;
  parts.forEach((message, i) => {
    const udh = Buffer.from([5, 0, 3, reference, parts.length, i + 1]);
    send(tag, 'submit_sm', { ...pdu, esm_class: 0x40, short_message: { udh, message } });
  });
}

const verbs = {
  bind,
  long,
  send: ({ tag, command, pdu }) => send(tag, command, pdu),
  answer: ({ status }) => { answer = status; },
  unbind: () => session.unbind(() => session.close()),
};

require('readline').createInterface({ input: process.stdin })
  .on('line', (line) => { const order = JSON.parse(line); verbs[order.do](order); })
  .on('close', () => process.exit(0));
