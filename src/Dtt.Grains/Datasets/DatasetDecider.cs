using Dtt.Abstractions;

namespace Dtt.Grains.Datasets;

/// <summary>The decisions of a dataset job as pure functions over its state; who works on what is in <see cref="WorkLeases"/>.</summary>
public static class DatasetDecider
{
    /// <summary>Begins a job, or goes on with it.</summary>
    /// <returns>The state, and why not when the folder is being made of something else.</returns>
    public static (DatasetState State, string? Refusal) Begin(DatasetState state, DatasetJob job)
    {
        if (state.IsOpen && state.Job == job) return (state.Paused ? Changed(state) with { Paused = false } : state, null);
        if (state is { IsOpen: true, Paused: false })
            return (state, $"{job.Folder} is already being made with other settings; wait until that is done, or stop that command.");
        var stage = !job.RawOnly ? DatasetStage.Planning : job.Config.HubPath is null ? DatasetStage.Fetching : DatasetStage.Listing;
        return (new DatasetState { Version = state.Version + 1, Begun = state.Version + 1, Job = job, Stage = stage }, null);
    }

    /// <summary>Hands out no more work.</summary>
    public static DatasetState Pause(DatasetState state) => state is { IsOpen: true, Paused: false } ? Changed(state) with { Paused = true } : state;

    /// <summary>
    /// Whether an item is to be done in the job as it stands: it is of this beginning and this stage, and not done. Others were done before, or are of text
    /// that may be another now.
    /// </summary>
    public static bool IsCurrent(DatasetState state, WorkItem item) =>
        state.IsOpen && item.Begun == state.Begun && item.Stage == state.Stage && !state.Done.Contains(item.Piece);

    /// <summary>Applies what an agent finished; items that are not current are ignored.</summary>
    public static DatasetState Apply(DatasetState state, IReadOnlyList<WorkDone> done)
    {
        var mine = done.Where(d => IsCurrent(state, d.Item)).ToList();
        if (mine.Count == 0) return state;
        if (mine.FirstOrDefault(d => d.Error is not null) is { } failed)
        {
            return Changed(state) with
            {
                Stage = DatasetStage.Failed,
                Done = PieceSet.Empty,
                Notes = [.. state.Notes, failed.Error!],
                FailureCode = failed.ErrorCode,
            };
        }

        if (!state.IsByPiece)
        {
            var whole = mine[0];
            var next = Changed(state) with { Notes = [.. state.Notes, .. whole.Notes ?? []], Pieces = whole.Pieces > 0 ? whole.Pieces : state.Pieces };
            return Enter(next with { Bytes = whole.Bytes }, whole.SkipTo ?? After(state.Stage));
        }

        var pieces = state.Done.With(mine.Select(d => d.Item.Piece));
        var bytes = mine.DistinctBy(d => d.Item.Piece).Sum(d => d.Bytes);
        var marked = Changed(state) with { Done = pieces, BytesDone = state.BytesDone + bytes };
        return pieces.Count < state.Pieces ? marked : Enter(marked, After(state.Stage));
    }

    /// <summary>The stage that follows.</summary>
    public static DatasetStage After(DatasetStage stage) => stage switch
    {
        DatasetStage.Fetching or DatasetStage.Assembling => DatasetStage.Done,
        _ => stage + 1,
    };

    private static DatasetState Enter(DatasetState state, DatasetStage stage) =>
        state with { Stage = stage, Done = PieceSet.Empty, Bytes = stage == DatasetStage.Downloading ? state.Bytes : 0, BytesDone = 0 };

    private static DatasetState Changed(DatasetState state) => state with { Version = state.Version + 1 };
}
