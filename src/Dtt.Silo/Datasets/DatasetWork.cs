using Dtt.Abstractions;
using Dtt.Core.Diagnostics;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Data.Datasets;
using Dtt.Data.Hub;
using Dtt.Data.Reports;
using Dtt.Data.Text;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;

namespace Dtt.Silo.Datasets;

/// <summary>
/// The verbs of one dataset job on this node, over the data library: list, download, fetch, plan, count, merge, encode, verify, assemble. Each may be done
/// again and gives the same bytes.
/// </summary>
internal sealed class DatasetWork(DatasetJob job, string node)
{
    private readonly Lazy<RawManifest> _manifest = new(() => RawManifest.Find(job.RawFolder)
        ?? throw new BadDataException($"there is no raw text in {job.RawFolder}; run `dtt download -d {job.Dataset}` first."));
    private readonly DatasetTokenizer _tokenizer = new(job);
    private readonly Lazy<HubPlan> _hubPlan = new(() => HubPlan.Find(job.RawFolder)
        ?? throw new BadDataException($"{Path.Combine(job.RawFolder, HubPlan.FileName)} was removed while it was worked on; run `dtt download` again."));
    private readonly Lazy<HubAccessFile> _access = new(() => new HubAccessFile(PlatformFolders.FromEnvironment(), job.RawFolder));
    private IReadOnlyList<Piece>? _pieces;
    private DatasetEncoder? _encoder;
    private DuplicateDocuments? _duplicates;

    private IReadOnlyList<Piece> Pieces => LazyInitializer.EnsureInitialized(ref _pieces, () => PiecePlan.Of(_manifest.Value, job.Config));

    private DatasetEncoder Encoder =>
        LazyInitializer.EnsureInitialized(ref _encoder, () => new DatasetEncoder(job.TokensFolder, Source(_tokenizer.Vocabulary), Duplicates));

    /// <summary>What decides which documents there are.</summary>
    private string Documents => string.Join('\n', [
        job.Config.Documents, job.Config.TextField, job.Config.SkipsBadDocuments, job.Config.ShardTokens, .. _manifest.Value.Files.Select(f => f.Identity),
    ]);

    private DuplicateDocuments? Duplicates => !job.Config.DropsDuplicates ? null
        : LazyInitializer.EnsureInitialized(ref _duplicates, () => new DuplicateDocuments(job.TokensFolder + ".duplicates", Documents));

    private TokenizerTraining Training => new(
        job.TokenizerFolder,
        Documents,
        job.PreTokenizer is { } pattern ? WordPattern.Named(pattern) : null,
        _tokenizer.SpecialTokens);

    /// <summary>Does work on the whole dataset.</summary>
    /// <exception cref="BadDataException">The text or a folder is not what it should be.</exception>
    public WorkDone Do(WorkItem item) => item.Stage switch
    {
        DatasetStage.Fetching => new WorkDone(item, Fetch()),
        DatasetStage.Planning => Plan(item),
        DatasetStage.Merging => new WorkDone(item, [.. FindDuplicates(), .. Merge()]),
        DatasetStage.Assembling => new WorkDone(item, [Tokens(Assemble(), "ready")]),
        _ => throw new InvalidOperationException($"{item.Stage} goes piece by piece."),
    };

    /// <summary>Looks up the files of a dataset on the Hub; what is here already is not asked for.</summary>
    /// <param name="item">The work.</param>
    /// <param name="say">Told what keeps it waiting.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="BadDataException">There is no such dataset, or it may not be read.</exception>
    /// <exception cref="IOException">The Hub cannot be reached.</exception>
    public async Task<WorkDone> ListAsync(WorkItem item, Action<string> say, CancellationToken cancellation)
    {
        if (RawManifest.Find(job.RawFolder) is { } there && RawDataset.Changes(there, job.Config, job.RawFolder).Count == 0)
            return new WorkDone(item, SkipTo: DatasetStage.Fetching);
        using var hub = Hub(say);
        var plan = await KeepingNoTokenAsync(() => hub.PlanAsync(cancellation));
        var bytes = plan.Files.Sum(f => f.Bytes);
        return new WorkDone(item, [$"download: {job.Dataset}, {plan.Files.Count:N0} file{(plan.Files.Count == 1 ? "" : "s")}, {bytes / 1e6:N1} MB of "
            + $"{plan.Repository} at commit {plan.Commit[..12]}"
            + (plan.IsOfCache ? ", as far as the cache has them (HF_HUB_OFFLINE)" : "")
            + (plan.Files.Any(f => f.Path.Contains("/partial-", StringComparison.Ordinal)) ? "; the Hub converted only the first part of this dataset" : "")],
            plan.Files.Count, Bytes: bytes);
    }

    /// <summary>Downloads one file; what was made.</summary>
    /// <param name="item">The work.</param>
    /// <param name="progress">Told how many bytes are there.</param>
    /// <param name="say">Told what keeps it waiting.</param>
    /// <param name="cancellation">Ends it; what came stays.</param>
    /// <exception cref="BadDataException">It is not what the Hub's listing says.</exception>
    /// <exception cref="IOException">The Hub cannot be reached, or the disk fails.</exception>
    public async Task<PieceResult> DownloadAsync(WorkItem item, Action<long> progress, Action<string> say, CancellationToken cancellation)
    {
        using var hub = Hub(say);
        var sha256 = await KeepingNoTokenAsync(() => hub.BringAsync(_hubPlan.Value, item.Piece, progress, cancellation));
        return new PieceResult(_hubPlan.Value.Files[item.Piece].Bytes, sha256, 0, 0, node);
    }

    /// <summary>Does work on one piece; what it made.</summary>
    /// <exception cref="BadDataException">The text is damaged.</exception>
    public PieceResult DoPiece(WorkItem item, BpeEncoder? encoder)
    {
        var piece = Pieces[item.Piece];
        if (item.Stage == DatasetStage.Counting)
        {
            Duplicates?.Hash(piece);
            var (sha256, documents) = _tokenizer.Exists ? ("", 0) : Training.Count(piece);
            return new PieceResult(piece.Length, sha256, 0, documents, node);
        }

        var shards = (item.Stage == DatasetStage.Encoding
            ? Encoder.EncodePiece(piece, _tokenizer.Vocabulary, encoder!)
            : Encoder.VerifyPiece(piece, _tokenizer.Vocabulary, encoder!)).Shards;
        return new PieceResult(piece.Length, string.Join(' ', shards.Select(s => s.Sha256)), shards.Sum(s => s.Tokens), shards.Sum(s => s.Documents), node);
    }

    /// <summary>An encoder for one thread; null in stages that need none.</summary>
    public BpeEncoder? EncoderFor(DatasetStage stage) =>
        stage is DatasetStage.Encoding or DatasetStage.Verifying ? new BpeEncoder(_tokenizer.Vocabulary) : null;

    /// <summary>Work that fails ends the job, and then nobody needs the user's token any more: the same command brings it again.</summary>
    private async Task<T> KeepingNoTokenAsync<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            _access.Value.Delete();
            throw;
        }
    }

    private HubDataset Hub(Action<string> say) => new(job.Config, job.RawFolder, _access.Value.Find() ?? HubAccess.FromEnvironment(), say);

    private IReadOnlyList<string> Fetch()
    {
        var (manifest, wasThere, notes) = RawDataset.Prepare(job.Config, job.RawFolder);
        if (job.Config.HubPath is not null) _access.Value.Delete();
        return
        [
            .. notes.Select(n => $"download: {job.Dataset}, {n}"),
            $"download: {job.Dataset}, {manifest.Files.Count} file{(manifest.Files.Count == 1 ? "" : "s")}, "
                + $"{manifest.Bytes / 1e6:N1} MB {(wasThere ? "already here" : "ready")} ({job.RawFolder})",
        ];
    }

    /// <summary>The text must be that of the manifest: when work begins, and still when it ends.</summary>
    private void RequireSameText()
    {
        if (RawDataset.Changes(_manifest.Value, job.Config, job.RawFolder) is { Count: > 0 } changes)
            throw new BadDataException($"{job.Dataset}: since `dtt download`: {string.Join("; ", changes)}. Run `dtt download` again.");
    }

    private TokenIndex Assemble()
    {
        RequireSameText();
        return Encoder.Assemble(Pieces.Count);
    }

    private WorkDone Plan(WorkItem item)
    {
        RequireSameText();
        var isNew = _tokenizer.Write();
        if (TokenFiles.Are(_manifest.Value)) return IndexTokenFiles(item);
        var pieces = Pieces.Count;
        if (!_tokenizer.Exists)
        {
            Training.Begin();
            Duplicates?.Begin();
            return new WorkDone(item, Pieces: pieces);
        }

        _tokenizer.RequireSame();
        var note = $"tokenizer: {_tokenizer.Name}, {_tokenizer.Vocabulary.Size:N0} ids {(isNew ? "ready" : "already here")} ({job.TokenizerFolder})";
        if (Encoder.FindDone() is { } there) return new WorkDone(item, [note, Tokens(there, "already here")], pieces, DatasetStage.Done);
        if (Duplicates is { AreFound: false } duplicates)
        {
            duplicates.Begin();
            return new WorkDone(item, Pieces: pieces);
        }

        Encoder.Begin();
        return new WorkDone(item, [note], pieces, DatasetStage.Encoding);
    }

    /// <summary>Files of tokens need no pieces: they only get an index.</summary>
    private WorkDone IndexTokenFiles(WorkItem item)
    {
        if (job.Config.DropsDuplicates)
        {
            throw new BadDataException($"{job.Config.Source}: 'dedup: exact' leaves out documents of text, and {job.Dataset} consists of token files. "
                + "Take it out.");
        }

        if (!_tokenizer.Exists)
        {
            throw new BadDataException($"{job.Dataset} consists of token files, and there is no tokenizer in {job.TokenizerFolder}: put the tokenizer.json "
                + "that made them there (for GPT-2's ids that of Hugging Face's gpt2), and set vocab_size to its number of ids.");
        }

        _tokenizer.RequireSame();
        if (Encoder.FindDone() is { } there) return new WorkDone(item, [Tokens(there, "already here")], 0, DatasetStage.Done);
        var index = TokenFiles.Index(_manifest.Value, _tokenizer.Vocabulary, Source(_tokenizer.Vocabulary), job.TokensFolder);
        return new WorkDone(item, [Tokens(index, "read in place")], 0, DatasetStage.Done);
    }

    private IReadOnlyList<string> FindDuplicates()
    {
        if (Duplicates is not { } duplicates) return [];
        var dropped = duplicates.AreFound ? duplicates.Count() : duplicates.Find(Pieces.Count);
        CrashPoint.Reach("silo.duplicates");
        return [$"dedup: {job.Dataset}, {dropped:N0} document{(dropped == 1 ? "" : "s")} that come{(dropped == 1 ? "s" : "")} a second time are left out"];
    }

    private IReadOnlyList<string> Merge()
    {
        if (_tokenizer.Exists)
        {
            // An earlier try of this stage, ended by a kill, came as far as this; or the tokenizer was there before, and only duplicates were looked for.
            Training.End();
            Encoder.Begin();
            return [$"tokenizer: {_tokenizer.Name}, {_tokenizer.Vocabulary.Size:N0} ids ({job.TokenizerFolder})"];
        }

        Vocabulary vocabulary;
        long documents;
        try
        {
            (vocabulary, documents) = Training.Merge(Pieces, job.VocabSize);
            CrashPoint.Reach("silo.merged");
        }
        catch (BadDataException)
        {
            Training.End();
            throw;
        }

        Training.End();
        Encoder.Begin();
        return [$"tokenizer: {_tokenizer.Name}, {vocabulary.Size:N0} ids from {documents:N0} documents ({job.TokenizerFolder})"];
    }

    private TokenSource Source(Vocabulary vocabulary) => TokenSource.Of(_manifest.Value, job.Config, _tokenizer.Name, vocabulary, job.ValFraction);

    private string Tokens(TokenIndex index, string how) =>
        $"tokens: {index.TokensOf("train"):N0} for training, {index.TokensOf("val"):N0} for validation, {index.Shards.Count} shards {how} ({job.TokensFolder})"
        + (index.DroppedDuplicates == 0 ? "" : $"; duplicates left out: {index.DroppedDuplicates:N0}")
        + (index.SkippedDocuments == 0 ? "" : $"; documents skipped: {index.SkippedDocuments:N0}, listed in {TokenIndex.SkippedFileName} there");
}
