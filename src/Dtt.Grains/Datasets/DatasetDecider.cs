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
        return (new DatasetState { Version = state.Version + 1, Job = job, Stage = job.RawOnly ? DatasetStage.Fetching : DatasetStage.Planning }, null);
    }

    /// <summary>Hands out no more work.</summary>
    public static DatasetState Pause(DatasetState state) => state is { IsOpen: true, Paused: false } ? Changed(state) with { Paused = true } : state;

    /// <summary>Applies what an agent finished. Items of another stage than the current one were done before and are ignored.</summary>
    public static DatasetState Apply(DatasetState state, IReadOnlyList<WorkDone> done)
    {
        foreach (var failed in done.Where(d => d.Error is not null))
        {
            if (state.IsOpen && failed.Item.Stage == state.Stage)
            {
                return Changed(state) with
                {
                    Stage = DatasetStage.Failed,
                    Done = PieceSet.Empty,
                    Notes = [.. state.Notes, failed.Error!],
                    FailureCode = failed.ErrorCode,
                };
            }
        }

        if (!state.IsOpen) return state;
        var mine = done.Where(d => d.Item.Stage == state.Stage).ToList();
        if (mine.Count == 0) return state;
        if (!state.IsByPiece)
        {
            var whole = mine[0];
            var next = Changed(state) with { Notes = [.. state.Notes, .. whole.Notes ?? []], Pieces = whole.Pieces > 0 ? whole.Pieces : state.Pieces };
            return Enter(next, whole.SkipTo ?? After(state.Stage));
        }

        var pieces = state.Done.With(mine.Select(d => d.Item.Piece));
        if (pieces.Count == state.Done.Count) return state;
        var marked = Changed(state) with { Done = pieces };
        return pieces.Count < state.Pieces ? marked : Enter(marked, After(state.Stage));
    }

    /// <summary>The stage that follows.</summary>
    public static DatasetStage After(DatasetStage stage) => stage switch
    {
        DatasetStage.Fetching or DatasetStage.Assembling => DatasetStage.Done,
        _ => stage + 1,
    };

    private static DatasetState Enter(DatasetState state, DatasetStage stage) => state with { Stage = stage, Done = PieceSet.Empty };

    private static DatasetState Changed(DatasetState state) => state with { Version = state.Version + 1 };
}
