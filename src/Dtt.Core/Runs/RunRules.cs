using Dtt.Core.Ranks;

namespace Dtt.Core.Runs;

/// <summary>
/// The rules of attempts, commits and retention as pure functions over <see cref="RunRecord"/>: every store applies these and only
/// makes the result durable.
/// </summary>
public static class RunRules
{
    /// <summary>Begins the next attempt: from here on only it may commit.</summary>
    public static RunRecord BeginAttempt(RunRecord record, DateTimeOffset now, int nodes = 1, int ranks = 1, bool onGpus = false) => record with
    {
        State = RunState.Preparing,
        Attempts =
        [
            .. EndOpenAttempt(record.Attempts, now),
            new RunAttempt { Attempt = record.CurrentAttempt + 1, StartedAt = now, Nodes = nodes, Ranks = ranks, OnGpus = onGpus },
        ],
    };

    /// <summary>Notes what the attempt's rank found when it was ready; ignored unless the attempt is current.</summary>
    /// <param name="record">The run.</param>
    /// <param name="attempt">The attempt that speaks.</param>
    /// <param name="started">What it says; the windows of a step and the token data are frozen by the first attempt.</param>
    public static RunRecord Started(RunRecord record, int attempt, RankStarted started) =>
        attempt != record.CurrentAttempt ? record : record with
        {
            State = RunState.Running,
            TotalSteps = started.Plan.TotalSteps,
            GlobalBatchWindows = record.GlobalBatchWindows == 0 ? started.Plan.GlobalBatchWindows : record.GlobalBatchWindows,
            TokensPerStep = record.TokensPerStep == 0 ? started.Plan.TokensPerStep : record.TokensPerStep,
            TokenData = record.TokenData ?? started.TokenData,
            Mixture = record.Mixture ?? started.Mixture,
            Attempts = [.. record.Attempts.SkipLast(1), record.Attempts[^1] with { FromStep = started.FromStep, Fingerprint = started.Fingerprint }],
            // A newer checkpoint that could not be loaded is no longer one to continue from.
            Checkpoints = [.. record.Checkpoints.Where(c => c.Step <= started.FromStep)],
        };

    /// <summary>
    /// Commits a checkpoint: idempotent on (attempt, step), refused unless the attempt is current and the step is the newest.
    /// </summary>
    public static (RunRecord Record, CommitReply Reply) Commit(RunRecord record, WrittenCheckpoint checkpoint)
    {
        if (record.Checkpoints.FirstOrDefault(c => c.Step == checkpoint.Step && c.Attempt == checkpoint.Attempt) is { } same)
        {
            return same.ManifestSha256 == checkpoint.ManifestSha256
                ? (record, new CommitReply(true))
                : (record, new CommitReply(false, $"step {checkpoint.Step} of attempt {checkpoint.Attempt} is committed already with another manifest"));
        }

        if (checkpoint.Attempt != record.CurrentAttempt)
            return (record, new CommitReply(false, $"attempt {checkpoint.Attempt} is over; attempt {record.CurrentAttempt} is current"));
        if (record.Latest is { } latest && checkpoint.Step <= latest.Step)
            return (record, new CommitReply(false, $"step {checkpoint.Step} is not after the committed step {latest.Step}"));
        return (record with { Checkpoints = [.. record.Checkpoints, new CommittedCheckpoint(checkpoint)] }, new CommitReply(true));
    }

    /// <summary>Ends an attempt; ignored unless it is current.</summary>
    public static RunRecord EndAttempt(RunRecord record, int attempt, RunState state, string outcome, DateTimeOffset now, CauseCard? cause = null) =>
        attempt != record.CurrentAttempt ? record : record with
        {
            State = state,
            Attempts = [.. record.Attempts.SkipLast(1), record.Attempts[^1] with { EndedAt = now, EndState = state, Outcome = outcome, Cause = cause }],
        };

    /// <summary>Seconds between failures of a run that has not failed yet: a day.</summary>
    public const double UnknownFailureSeconds = 86_400;

    /// <summary>Seconds between failures, as the lives of the last five attempts that died let expect.</summary>
    public static double FailureSeconds(RunRecord record)
    {
        var died = record.Attempts.Where(a => a is { Cause: not null, EndedAt: not null }).TakeLast(5);
        var lives = died.Select(a => (a.EndedAt!.Value - a.StartedAt).TotalSeconds).ToList();
        return lives.Count == 0 ? UnknownFailureSeconds : Math.Max(1, lives.Average());
    }

    /// <summary>The checkpoints that retention expires: all but the newest <paramref name="keep"/>, the best and the pinned.</summary>
    public static IReadOnlyList<CommittedCheckpoint> Expired(RunRecord record, int keep) =>
        [.. record.Checkpoints.SkipLast(keep).Where(c => !c.Pinned && c != record.Best)];

    /// <summary>Forgets checkpoints; their folders may be deleted once this is durable.</summary>
    public static RunRecord Forget(RunRecord record, IReadOnlyCollection<CommittedCheckpoint> checkpoints) =>
        record with { Checkpoints = [.. record.Checkpoints.Where(c => !checkpoints.Contains(c))] };

    private static IEnumerable<RunAttempt> EndOpenAttempt(IReadOnlyList<RunAttempt> attempts, DateTimeOffset now) =>
        attempts.Count > 0 && attempts[^1].EndedAt is null
            ? [.. attempts.SkipLast(1), attempts[^1] with { EndedAt = now, EndState = RunState.Interrupted, Outcome = "interrupted: its owner was killed" }]
            : attempts;

    /// <summary>Why a run that has begun cannot have another length, or null.</summary>
    public static string? WhyNoOtherLength(RunRecord record, RunRequest request, IReadOnlyDictionary<string, long> length)
    {
        var done = record.Latest?.Step ?? 0;
        if (length.GetValueOrDefault("max_steps", long.MaxValue) < done) return $"{done:N0} steps are done already";
        if (length.ContainsKey("epochs") && request.Config.EndsWithItsMixture) return "its mixture says how much is drawn of each dataset";
        var schedule = request.Config.LearningRate;
        return done == 0 || !schedule.DependsOnLength ? null
            : $"its learning rate ({schedule.Name}) was planned for {record.TotalSteps:N0} steps, and a run of another length would have had other "
                + $"rates from the start; begin a new one from its weights: `dtt train --set init_from={record.Run}`";
    }
}
