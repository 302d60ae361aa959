"""The short message itself: addresses, alphabets, headers, parts. Pure functions, no input or output.

address     what a number or a sender name is, and its two wire forms (SMPP 3.4 §4.1, E.164)
alphabet    which characters travel how (3GPP TS 23.038); over gsm7, the tables, and lookalikes, the policy
udh         user data headers (3GPP TS 23.040 §9.2.3.24)
split       one text into parts, parts into one text
tpdu        SMS-SUBMIT, SMS-DELIVER, SMS-STATUS-REPORT (TS 23.040); over semi_octets, tp_times and user_data
"""
