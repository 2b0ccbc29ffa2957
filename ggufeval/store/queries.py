"""The longer queries of `results`."""

RUNS = """
SELECT runs.*, models.info,
    (SELECT COUNT(DISTINCT question_id) FROM records WHERE run_id = runs.id) AS n_done,
    (SELECT COALESCE(SUM(n_tokens), 0) FROM batches WHERE run_id = runs.id) AS n_tokens,
    (SELECT COALESCE(SUM(seconds), 0.0) FROM batches WHERE run_id = runs.id) AS seconds
FROM runs JOIN models ON models.sha256 = runs.model_sha256
"""
RECORDS = """
SELECT * FROM records
LEFT JOIN questions ON questions.id = records.question_id AND questions_sha256 = ?
WHERE run_id = ? ORDER BY position, rotation
"""
PLACES = """
SELECT question_id, rotation, batch FROM records
JOIN questions ON questions.id = records.question_id AND questions_sha256 = ?
WHERE run_id = ? ORDER BY position, rotation
"""
ASKED = """
SELECT 1 FROM questions JOIN runs USING (questions_sha256) WHERE questions.id = ? AND runs.id = ?
"""
QUESTIONS = "SELECT * FROM questions WHERE questions_sha256 = ? ORDER BY position"
BATCHES = """
SELECT question_id, rotation, batch FROM records WHERE run_id = ? ORDER BY batch, rowid
"""
