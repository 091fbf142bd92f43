using System.Globalization;
using System.Threading.Channels;
using Dtt.Abstractions;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Grains.Devices;

namespace Dtt.Silo.Ranks;

/// <summary>
/// The ranks of one attempt on this node, started together and ended together: introduces them to each other, and merges their messages into one stream. When
/// one of them ends before its time the others are ended too, and the one that was the cause is named.
/// </summary>
internal sealed class RankGroup : IAsyncDisposable
{
    private static readonly TimeSpan _exitGrace = TimeSpan.FromSeconds(1);
    private readonly Member[] _members;
    private readonly HangWatch _watch;
    private readonly TimeProvider _time;
    private readonly Channel<RankMessage> _messages = Channel.CreateUnbounded<RankMessage>();
    private readonly List<Member> _ended = [];
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource<string[]> _endpoints = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly bool _isWhole;
    private int _listening;
    private volatile bool _endsOthers;

    private RankGroup(Member[] members, bool isWhole, PhaseDeadlines deadlines, TimeProvider time)
    {
        (_members, _isWhole, _time) = (members, isWhole, time);
        _watch = new HangWatch([.. members.Select(m => new WatchedRank(m.Rank, m.Box, m.Process.IsStopped, () => RankThreads.ReadAsync(m.Process.Id, time)))],
            isWhole, deadlines,
            () => _members.Any(m => m.HasDied), Kill, time);
    }

    /// <summary>Where the ranks listen, in order, once they all do: what their peers on other nodes need to know.</summary>
    public Task<string[]> Endpoints => _endpoints.Task;

    /// <summary>Whether the ranks are getting ready: they may still have to hear where the others are.</summary>
    public bool IsMeeting => _members[0].Box.Read().Phase == RankPhase.Init;

    /// <summary>What the ranks look like when all of them wait for ranks of other nodes, for too long; else null.</summary>
    public StalledPart? Stalled => _watch.Stalled;

    /// <summary>The process of the first rank, for people.</summary>
    public int Process => _members[0].Process.Id;

    /// <summary>Starts a rank on every device.</summary>
    /// <param name="spec">What they train; the first of them is its rank, and when they are fewer than its world the others are on other nodes.</param>
    /// <param name="devices">A device for each rank, and the file whose lock means it.</param>
    /// <param name="environment">The run's environment.</param>
    /// <param name="time">The clock of deadlines.</param>
    public static async Task<RankGroup> StartAsync(
        TrainSpec spec, IReadOnlyList<(string Name, string LockFile)> devices, IReadOnlyDictionary<string, string> environment, TimeProvider time)
    {
        var layout = new RunLayout(spec.RunFolder);
        var members = new List<Member>();
        try
        {
            for (var i = 0; i < devices.Count; i++)
            {
                var rank = spec.Rank + i;
                var box = layout.BlackBox(spec.Attempt, rank);
                var mine = spec with { BlackBoxFile = box, DeviceLock = devices[i].LockFile, Rank = rank };
                var blackBox = BlackBox.Create(box);
                var ours = EnvironmentOf(devices[i].Name, devices.Count, environment);
                members.Add(new Member(rank, box, blackBox, await RankProcess.StartAsync(mine, layout.Log(spec.Attempt, rank), ours)));
            }
        }
        catch
        {
            foreach (var member in members) member.Dispose();
            throw;
        }

        var group = new RankGroup([.. members], devices.Count == spec.WorldSize, PhaseDeadlines.Of(environment.GetValueOrDefault("DTT_DEADLINE_SCALE")), time);
        _ = group.ListenAsync();
        return group;
    }

    /// <summary>The ranks' messages, until all have ended: rank 0's, where it is here, and of the others only a failure and the end.</summary>
    public ChannelReader<RankMessage> Messages => _messages.Reader;

    /// <summary>Tells every rank.</summary>
    public Task TellAllAsync(RankMessage message) => Task.WhenAll(_members.Select(m => m.Process.SendAsync(message)));

    /// <summary>Answers rank 0.</summary>
    public Task AnswerAsync(RankMessage message) => _members[0].Process.SendAsync(message);

    /// <summary>Kills them all at once.</summary>
    public void Kill()
    {
        foreach (var member in _members) member.Process.Kill();
    }

    /// <summary>What the managed threads of a rank are doing; null: the rank is on another node.</summary>
    public async Task<IReadOnlyList<string>?> ReadThreadsAsync(int? rank) =>
        _members.FirstOrDefault(m => m.Rank == rank) is { } member ? await RankThreads.ReadAsync(member.Process.Id, _time) : null;

    /// <summary>
    /// How the ranks ended when none said so itself: which of them was the cause, what it was doing, its last lines. Call it when the messages have ended.
    /// </summary>
    public CauseCard Verdict()
    {
        var culprit = _watch.Culprit is { } hung ? _members[hung] : _ended.FirstOrDefault(m => m.Exit!.IsFailure) ?? _ended[0];
        var (phase, step, _) = culprit.Box.Read();
        var who = _isWhole && _members.Length == 1 ? "the rank" : string.Create(CultureInfo.InvariantCulture, $"rank {culprit.Rank}");
        var doing = string.Create(CultureInfo.InvariantCulture, $"in phase {phase.ToString().ToLowerInvariant()} after step {step}");
        return new CauseCard
        {
            Kind = _watch.Verdict is null ? culprit.Exit!.Kind : DeathKind.Rank,
            How = _watch.Verdict ?? $"{who} {culprit.Exit!.Description} {doing}",
            Hung = _watch.Verdict is not null,
            Rank = culprit.Rank,
            Phase = phase,
            Step = step,
            Collective = culprit.Box.ReadCollectives().Begun,
            LastLines = culprit.Process.LastLines(),
            Stacks = _watch.Stacks,
        };
    }

    public async ValueTask DisposeAsync()
    {
        await _watch.DisposeAsync();
        foreach (var member in _members) member.Dispose();
    }

    private static Dictionary<string, string> EnvironmentOf(string device, int ranks, IReadOnlyDictionary<string, string> environment)
    {
        var mine = new Dictionary<string, string>(environment, StringComparer.Ordinal) { ["CUDA_VISIBLE_DEVICES"] = DeviceInventory.VisibleTo(device) };
        if (ranks > 1 && DeviceTable.IsCpu(device))
            mine.TryAdd("OMP_NUM_THREADS", Math.Max(1, Environment.ProcessorCount / ranks).ToString(CultureInfo.InvariantCulture));
        return mine;
    }

    private async Task ListenAsync()
    {
        try
        {
            await Task.WhenAll(_members.Select(ListenAsync));
            _messages.Writer.Complete();
        }
        catch (Exception e)
        {
            Kill();
            _messages.Writer.Complete(e);
        }
    }

    private async Task ListenAsync(Member member)
    {
        RankExit? lostPeer = null;
        while (await member.Process.Pipe.ReceiveAsync() is { } message)
        {
            member.Finished |= message is RankFinished;
            if (message is RankListening listening) await IntroduceAsync(member, listening.Endpoint);
            else if (message is RankPeerLost lost) lostPeer = new RankExit.LostPeer(lost.Message);
            else if (member.Rank == 0 || message is RankFailed || (message is RankFinished && member == _members[0])) _messages.Writer.TryWrite(message);
        }

        var exit = await member.Process.WaitAsync();
        member.Exit = lostPeer ?? (_endsOthers && exit is RankExit.Signaled { IsKill: true } ? new RankExit.LostPeer("another rank ended before") : exit);
        lock (_gate) _ended.Add(member);
        if (member.Finished) return;
        await Task.Delay(_members.Length > 1 ? _exitGrace : TimeSpan.Zero, _time);
        _endsOthers = true;
        Kill();
    }

    /// <summary>When every rank listens, each is told where all of them are; where others are on other nodes, by whoever hears of those.</summary>
    private async Task IntroduceAsync(Member member, string endpoint)
    {
        member.Endpoint = endpoint;
        if (Interlocked.Increment(ref _listening) != _members.Length) return;
        string[] endpoints = [.. _members.Select(m => m.Endpoint!)];
        _endpoints.TrySetResult(endpoints);
        if (_isWhole) await TellAllAsync(new RankPeers(endpoints));
    }

    /// <summary>One rank.</summary>
    private sealed class Member(int rank, string boxFile, BlackBox box, RankProcess process) : IDisposable
    {
        private volatile bool _finished;

        public int Rank => rank;

        public BlackBox Box => box;

        public RankProcess Process => process;

        public string? Endpoint { get; set; }

        public RankExit? Exit { get; set; }

        /// <summary>Whether it has said that its work is done.</summary>
        public bool Finished
        {
            get => _finished;
            set => _finished = value;
        }

        public bool HasDied => process.HasExited && !Finished;

        public void Dispose()
        {
            process.Dispose();
            box.Dispose();
            File.Delete(boxFile);
        }
    }
}
