"""What happens to a short message between an application and the network.

            listeners/                         gateway                             drivers/
            ┌─────────┐    rules/                                                ┌───────────┐
 ESME ────▶ │ smpp    │ ──▶ intake ──▶ queue ──▶ dispatch ──▶ links ───────────▶ │ smpp      │ ──▶ SMSC
 HTTP ────▶ │ http    │       │          ▲           ▲          │               │ modem     │ ──▶ GSM network
 MQTT ────▶ │ mqtt    │       │          │           │          │               │ simulated │
 ops  ────▶ │ control │       ▼          │           ▼          │               └───────────┘
            └─────────┘    ═════════════ stores/ ═══════════     │
                 ▲                ▲             ▲                │
                 ├── outbox ◀─────┴─ receipts ◀─┴────────────────┤ ◀────────────── DLR
                 └── outbox ◀─────── mo (STOP) ◀─────────────────┘ ◀────────────── MO

Left to right for MT, right to left for receipts and MO; the two directions meet only in the store.
"""

__version__ = "0.1.0"
