using System.Globalization;
using System.Security.Cryptography;
using System.Threading.Channels;
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
    private int _listening;

    private RankGroup(Member[] members, PhaseDeadlines deadlines, TimeProvider time)
    {
        (_members, _time) = (members, time);
        _watch = new HangWatch([.. members.Select(m => m.Box)], deadlines, () => _members.Any(m => m.HasDied), Kill, time);
    }

    /// <summary>The process of rank 0, for people.</summary>
    public int Process => _members[0].Process.Id;

    /// <summary>Starts a rank on every device.</summary>
    /// <param name="spec">What they train.</param>
    /// <param name="devices">A device for each rank, and the file whose lock means it.</param>
    /// <param name="environment">The run's environment.</param>
    /// <param name="time">The clock of deadlines.</param>
    public static async Task<RankGroup> StartAsync(
        TrainSpec spec, IReadOnlyList<(string Name, string LockFile)> devices, IReadOnlyDictionary<string, string> environment, TimeProvider time)
    {
        var secret = devices.Count > 1 ? Convert.ToHexString(RandomNumberGenerator.GetBytes(32)) : null;
        var layout = new RunLayout(spec.RunFolder);
        var members = new List<Member>();
        try
        {
            for (var rank = 0; rank < devices.Count; rank++)
            {
                var box = layout.BlackBox(spec.Attempt, rank);
                var mine = spec with { BlackBoxFile = box, DeviceLock = devices[rank].LockFile, Rank = rank, WorldSize = devices.Count, Secret = secret };
                var blackBox = BlackBox.Create(box);
                var ours = EnvironmentOf(devices[rank].Name, devices.Count, environment);
                members.Add(new Member(rank, box, blackBox, await RankProcess.StartAsync(mine, layout.Log(spec.Attempt, rank), ours)));
            }
        }
        catch
        {
            foreach (var member in members) member.Dispose();
            throw;
        }

        var group = new RankGroup([.. members], PhaseDeadlines.Of(environment.GetValueOrDefault("DTT_DEADLINE_SCALE")), time);
        _ = group.ListenAsync();
        return group;
    }

    /// <summary>The ranks' messages, until all have ended: rank 0's, and of the others only a failure.</summary>
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

    /// <summary>
    /// How the attempt ended when no rank said so itself: which rank was the cause, what it was doing, its last lines. Call it when the messages have ended.
    /// </summary>
    public string Verdict()
    {
        var culprit = _watch.Culprit is { } hung ? _members[hung] : _ended.FirstOrDefault(m => m.Exit!.IsFailure) ?? _ended[0];
        var last = culprit.Box.Read();
        var who = _members.Length == 1 ? "the rank" : string.Create(CultureInfo.InvariantCulture, $"rank {culprit.Rank}");
        var doing = string.Create(CultureInfo.InvariantCulture, $"in phase {last.Phase.ToString().ToLowerInvariant()} after step {last.Step}");
        var verdict = _watch.Verdict ?? $"{who} {culprit.Exit!.Description} {doing}";
        return culprit.Process.LastLines() is { Count: > 0 } lines ? $"{verdict}; its last lines: {string.Join(" | ", lines)}" : verdict;
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
            if (member.Rank == 0) _watch.Learn(message);
            if (message is RankListening listening) await IntroduceAsync(member, listening.Endpoint);
            else if (message is RankPeerLost lost) lostPeer = new RankExit.LostPeer(lost.Message);
            else if (member.Rank == 0 || message is RankFailed) _messages.Writer.TryWrite(message);
        }

        var exit = await member.Process.WaitAsync();
        member.Exit = lostPeer ?? exit;
        lock (_gate) _ended.Add(member);
        if (member.Finished) return;
        await Task.Delay(_members.Length > 1 ? _exitGrace : TimeSpan.Zero, _time);
        Kill();
    }

    /// <summary>When every rank listens, each is told where all of them are.</summary>
    private async Task IntroduceAsync(Member member, string endpoint)
    {
        member.Endpoint = endpoint;
        if (Interlocked.Increment(ref _listening) == _members.Length) await TellAllAsync(new RankPeers([.. _members.Select(m => m.Endpoint!)]));
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
