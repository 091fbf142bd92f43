namespace Dtt.Core.Configuration;

/// <summary>The key table of <c>configs/project_datasets/*.yaml</c>.</summary>
public static class DatasetKeys
{
    /// <summary>Every key.</summary>
    public static IReadOnlyList<ConfigKey> All { get; } =
    [
        new("path", KeyKind.Path, null,
            "A `.txt`, `.jsonl`, `.ndjson`, `.json`, `.csv` or `.tsv` file, plain, `.gz` or `.zst`, a `.parquet`, `.arrow` or `.feather` file, or a folder of "
            + "one kind of them, read in place; or a folder of llm.c's or nanoGPT's `.bin` token files "
            + "(their tokenizer must be at the tokenizer's path; \"val\" in a name means validation). "
            + "Unset, without `builtin`: the files in the raw folder itself."),
        new("builtin", KeyKind.Text, null, "A generated dataset: `tales`, simple English fairy tales.") { Choices = ["tales"] },
        new("bytes", KeyKind.Integer, "20000000", "`builtin`: how much text to generate.") { Unit = "bytes", Min = 1000, Max = 1e12 },
        new("seed", KeyKind.Integer, "0", "`builtin`: the seed of the text. Always: the seed of the train/validation split.") { Min = 0, Max = long.MaxValue },
        new("documents", KeyKind.Text, "blank_lines",
            "Plain text only: what ends a document. `lines`: every line is one; `blank_lines`: an empty line; `files`: the file's end.")
        {
            Choices = ["lines", "blank_lines", "files"],
        },
        new("text_field", KeyKind.Text, "text",
            "JSON, separated values, Parquet and Arrow: the field or column that holds a document's text. Where there is no column `text`, the only one of "
            + "strings."),
        new("shard_size", KeyKind.Integer, "100000000",
            "Tokens per token shard; a shard ends at the first document end after it.") { Unit = "tokens", Min = 1000, Max = 1e9 },
        new("ndocs", KeyKind.Integer, null, "Most documents to use: the first ones, file by file; unset: all.") { Unit = "documents", Min = 1, Max = 1e15 },
        new("on_bad_document", KeyKind.Text, "stop",
            "What a document does that cannot be read (not UTF-8, not JSON, no text in its field or column, 1 GiB or more; an empty file): `stop` ends the "
            + "work with its place; `skip` leaves it out, counts it, and lists it in `skipped.txt` beside the tokens.")
        {
            Choices = ["stop", "skip"],
        },
        new("dedup", KeyKind.Text, "none",
            "`exact`: of documents with the same bytes the first, in the order of the files, stays in the tokens. All text is read once more for it; a "
            + "tokenizer is trained on all of it.")
        {
            Choices = ["none", "exact"],
        },
        new("hf_path", KeyKind.Text, null, "A dataset on the Hugging Face Hub, `OWNER/NAME`: `dtt download` brings its files and pins their commit."),
        new("name", KeyKind.Text, null, "`hf_path`: the dataset's configuration, such as `sample-10BT`; unset: its default."),
        new("split", KeyKind.Text, null, "`hf_path`: the dataset's part; unset: `train`, or the only one."),
        new("revision", KeyKind.Text, null, "`hf_path`: a branch, a tag or a commit; unset: the main branch as it is when the download begins."),
        new("max_bytes", KeyKind.Integer, null, "`hf_path`: most bytes to download: the first files, one at least; unset: all.")
        {
            Unit = "bytes", Min = 1, Max = 1e15,
        },
        new("cache_dir", KeyKind.Text, null, "Download cache of the Python DTT.")
        {
            LostMeaning = "is accepted and does nothing: downloads go into the raw folder itself, without a cache.",
        },
        new("n_proc", KeyKind.Integer, null, "Worker processes of the Python DTT.")
        {
            LostMeaning = "is accepted and does nothing: a node uses every core that it is allowed to.",
        },
        new("batch_size", KeyKind.Integer, null, "Documents per batch of the Python DTT.")
        {
            LostMeaning = "is accepted and does nothing: documents are encoded one by one, so no batch size changes the tokens.",
        },
    ];
}
