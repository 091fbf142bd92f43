using Dtt.Core.Configuration;
using Dtt.Core.Runs;

namespace Dtt.Abstractions;

/// <summary>The durable owner of one dataset job; the key is the folder that it makes, absolute.</summary>
[Alias("dtt.dataset")]
public interface IDatasetGrain : IGrainWithStringKey
{
    /// <summary>Begins the job, or goes on with it.</summary>
    /// <exception cref="Core.Errors.UserErrorException">The same folder is being made of something else.</exception>
    [Alias("begin")]
    Task BeginAsync(DatasetJob job);

    /// <summary>Hands out no more work; what is in flight is finished.</summary>
    [Alias("pause")]
    Task PauseAsync();

    /// <summary>How far it is, or null when nobody began it.</summary>
    [Alias("find")]
    Task<DatasetProgress?> FindAsync();

    /// <summary>How far it is: now, and whenever that changes, until it ends.</summary>
    [Alias("watch")]
    IAsyncEnumerable<DatasetProgress> WatchAsync(CancellationToken cancellation = default);

    /// <summary>Its pieces.</summary>
    [Alias("shards")]
    Task<ShardRow[]> ShardsAsync();

    /// <summary>
    /// Agent → dataset: what is done, how far the rest is, and a request for at most <paramref name="free"/> items; the leases of what the agent still works
    /// on are renewed.
    /// </summary>
    [Alias("exchange")]
    Task<WorkOffer> ExchangeAsync(NodeRef node, WorkDone[] done, WorkItem[] working, Underway underway, int free);
}

/// <summary>One folder to be made of a dataset: its raw text, or its tokens by one tokenizer.</summary>
public sealed record DatasetJob
{
    /// <summary>The dataset's name.</summary>
    public required string Dataset { get; init; }

    /// <summary>Whether the job stops at the raw text (<c>download</c>) or goes on to tokens (<c>tokenize</c>).</summary>
    public required bool RawOnly { get; init; }

    /// <summary>The dataset's own configuration.</summary>
    public required DatasetConfig Config { get; init; }

    /// <summary>Raw text and manifest, absolute.</summary>
    public required string RawFolder { get; init; }

    /// <summary>The tokenizer, absolute.</summary>
    public required string TokenizerFolder { get; init; }

    /// <summary>The token shards, absolute.</summary>
    public required string TokensFolder { get; init; }

    /// <summary>Ids of the tokenizer.</summary>
    public required int VocabSize { get; init; }

    /// <summary>The tokenizer to use instead of a trained one: by name, or a file, absolute; null: one is trained.</summary>
    public string? Tokenizer { get; init; }

    /// <summary>How text is cut into words before a tokenizer is trained; null: as by GPT-2.</summary>
    public string? PreTokenizer { get; init; }

    /// <summary>Special tokens of a trained tokenizer besides the end of a document, one a line (jobs are compared by value); null: none.</summary>
    public string? SpecialTokens { get; init; }

    /// <summary>Share of documents kept for validation.</summary>
    public required double ValFraction { get; init; }

    /// <summary>The job's key: the folder that it makes.</summary>
    public string Folder => RawOnly ? RawFolder : TokensFolder;
}

/// <summary>How far a dataset job is; stages follow each other in this order.</summary>
public enum DatasetStage
{
    /// <summary>The files of a dataset on the Hub are looked up and pinned.</summary>
    Listing,

    /// <summary>They are downloaded; each is a piece.</summary>
    Downloading,

    /// <summary>Raw text is brought or generated.</summary>
    Fetching,

    /// <summary>The text is cut into pieces.</summary>
    Planning,

    /// <summary>The words of each piece are counted.</summary>
    Counting,

    /// <summary>A tokenizer is trained on the counts.</summary>
    Merging,

    /// <summary>Pieces are encoded.</summary>
    Encoding,

    /// <summary>Each piece's shards are read again and their hashes compared.</summary>
    Verifying,

    /// <summary>Shards get their numbers and the folder its name.</summary>
    Assembling,

    /// <summary>Everything is there.</summary>
    Done,

    /// <summary>It cannot go on; the message says why.</summary>
    Failed,
}

/// <summary>A dataset job in one line, as lists show it: a row of the index table.</summary>
public sealed record DatasetProgress
{
    /// <summary>The folder that the job makes: its key on the platform.</summary>
    public required string Folder { get; init; }

    /// <summary>The dataset's name.</summary>
    public required string Dataset { get; init; }

    /// <summary>Whether it is raw text or tokens.</summary>
    public required bool RawOnly { get; init; }

    /// <summary>How far it is.</summary>
    public required DatasetStage Stage { get; init; }

    /// <summary>Pieces of the text; 0 before they are planned.</summary>
    public required int Pieces { get; init; }

    /// <summary>Pieces done in this stage.</summary>
    public required int PiecesDone { get; init; }

    /// <summary>Bytes of the stage in all, while files are downloaded; else 0.</summary>
    public long Bytes { get; init; }

    /// <summary>Bytes that are there.</summary>
    public long BytesDone { get; init; }

    /// <summary>What keeps the work waiting, such as a server that is busy; null when nothing does.</summary>
    public string? Remark { get; init; }

    /// <summary>A sentence for each finished stage, oldest first; the last of a failed job says why.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>For a failed job, how commands end: one of <see cref="Core.Errors.ExitCodes"/>.</summary>
    public required int FailureCode { get; init; }

    /// <summary>
    /// What each node did in this stage since the job was last opened; empty in stages that do not go by pieces, and in rows of older builds.
    /// </summary>
    public IReadOnlyList<NodeShare> Nodes { get => field ?? []; init; }

    /// <summary>Version of the job's state that this row shows.</summary>
    public required long Version { get; init; }
}

/// <summary>What one node did in a stage of a dataset job.</summary>
/// <param name="Node">The node.</param>
/// <param name="Pieces">Pieces that it finished.</param>
/// <param name="Tokens">Tokens in them; 0 for counting.</param>
/// <param name="TokensPerSecond">Tokens a second, from its first lease in this stage to its last result.</param>
public sealed record NodeShare(string Node, int Pieces, long Tokens, double TokensPerSecond);

/// <summary>A piece of work of a dataset job that an agent leased.</summary>
/// <param name="Stage">What to do.</param>
/// <param name="Piece">Which piece; −1 for work on the whole dataset.</param>
/// <param name="Begun">Which beginning of the job it belongs to: the text may be another since.</param>
public sealed record WorkItem(DatasetStage Stage, int Piece, long Begun);

/// <summary>What became of a work item.</summary>
/// <param name="Item">The item.</param>
/// <param name="Notes">Sentences for the user, for work on the whole dataset.</param>
/// <param name="Pieces">After planning, the number of pieces.</param>
/// <param name="SkipTo">The stage to go on with, when what comes between is there already.</param>
/// <param name="Error">Why it failed, or null.</param>
/// <param name="ErrorCode">How commands end then.</param>
/// <param name="Tokens">For a piece, the tokens that were made or read.</param>
/// <param name="Bytes">For a file, its size; after listing, that of all files.</param>
public sealed record WorkDone(
    WorkItem Item, IReadOnlyList<string>? Notes = null, int Pieces = 0, DatasetStage? SkipTo = null, string? Error = null, int ErrorCode = 0, long Tokens = 0,
    long Bytes = 0);

/// <summary>How far the work is that an agent has not finished.</summary>
/// <param name="Bytes">Bytes that are there of unfinished files.</param>
/// <param name="Remark">What keeps it waiting, or null.</param>
public sealed record Underway(long Bytes, string? Remark)
{
    /// <summary>Nothing is.</summary>
    public static Underway None { get; } = new(0, null);
}

/// <summary>What a dataset hands to an agent.</summary>
/// <param name="Job">The job; null when the dataset has none.</param>
/// <param name="Items">The items leased by this call.</param>
/// <param name="More">Whether to ask again: the job is not at its end.</param>
public sealed record WorkOffer(DatasetJob? Job, IReadOnlyList<WorkItem> Items, bool More);

/// <summary>One piece of a dataset's text and how far it is.</summary>
/// <param name="Piece">Its number.</param>
/// <param name="Counted">Whether its words are counted.</param>
/// <param name="Encoded">Whether its tokens are on disk.</param>
/// <param name="Verified">Whether they were read again.</param>
/// <param name="InFlight">Whether somebody works on it.</param>
public sealed record ShardRow(int Piece, bool Counted, bool Encoded, bool Verified, bool InFlight);
