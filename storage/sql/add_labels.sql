-- Appends staged ground truth to the table of one model (label_000000 stands for it). The first of an id holds at once.
INSERT INTO label_000000
SELECT segment_id, n, id, label_text, label_number, labelled_at, received_at, now(), true, labelled_at FROM staged
