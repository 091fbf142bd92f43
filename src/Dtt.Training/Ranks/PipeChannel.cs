using System.Collections.Concurrent;
using System.Diagnostics;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;

namespace Dtt.Training.Ranks;

/// <summary>The rank protocol over two inherited pipes. The end of the host's pipe means that the host is gone: the rank leaves at once.</summary>
internal sealed class PipeChannel : IRankChannel
{
    private static readonly TimeSpan _rowsPeriod = TimeSpan.FromMilliseconds(200);
    private readonly MessagePipe _pipe;
    private readonly BlockingCollection<CommitAnswer> _answers = [];
    private readonly TaskCompletionSource<RankPeers> _peers = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<StepMetrics> _rows = [];
    private readonly Lock _sending = new(); // training and the writing of a checkpoint send at the same time
    private readonly Stopwatch _sinceRows = Stopwatch.StartNew();
    private volatile bool _stop;

    public PipeChannel(MessagePipe pipe)
    {
        _pipe = pipe;
        Spec = pipe.ReceiveAsync().GetAwaiter().GetResult() ?? throw new UserErrorException("the host closed the pipe before it sent any work.");
        new Thread(Listen) { IsBackground = true, Name = "host messages" }.Start();
    }

    /// <summary>The host's first message: what to do.</summary>
    public RankMessage Spec { get; }

    public bool StopRequested => _stop;

    /// <summary>Sends a message; the rows of quick steps go together, and before whatever comes after them.</summary>
    public void Send(RankMessage message)
    {
        lock (_sending) SendInOrder(message);
    }

    public CommitReply Commit(WrittenCheckpoint checkpoint)
    {
        Send(new CommitRequest(checkpoint));
        return _answers.GetConsumingEnumerable().First(a => a.Step == checkpoint.Step).Reply;
    }

    public IReadOnlyList<string> Meet(string endpoint)
    {
        Send(new RankListening(endpoint));
        return _peers.Task.GetAwaiter().GetResult().Endpoints;
    }

    private void SendInOrder(RankMessage message)
    {
        if (message is MetricsReport report)
        {
            _rows.AddRange(report.Rows);
            if (_sinceRows.Elapsed < _rowsPeriod) return;
            message = new MetricsReport([.. _rows]);
        }
        else if (_rows.Count > 0)
        {
            SendNow(new MetricsReport([.. _rows]));
        }

        _rows.Clear();
        _sinceRows.Restart();
        SendNow(message);
    }

    private void SendNow(RankMessage message) => _pipe.SendAsync(message).GetAwaiter().GetResult();

    private void Listen()
    {
        while (_pipe.ReceiveAsync().GetAwaiter().GetResult() is { } message)
        {
            if (message is StopRequest) _stop = true;
            else if (message is CommitAnswer answer) _answers.Add(answer);
            else if (message is RankPeers peers) _peers.TrySetResult(peers);
        }

        Environment.Exit(ExitCodes.Failure);
    }
}
