using System.Net;
using Dtt.Core.Ranks;
using Dtt.Training.Native;
using Dtt.Training.Ranks;
using TorchSharp;

namespace Dtt.Training.Collectives;

/// <summary>
/// How the ranks of an attempt find each other. On CPUs each listens and tells its host, and the host tells each where all of them are; on GPUs rank 0 tells
/// NCCL's id, which has its address in it.
/// </summary>
internal static class Meeting
{
    /// <summary>How long a rank waits for a peer: longer than any deadline of the host, which names the culprit, but not for ever.</summary>
    private static readonly TimeSpan _timeout = TimeSpan.FromMinutes(30);

    /// <summary>The collective of an attempt; null for a rank alone.</summary>
    /// <exception cref="PeerLostException">A peer did not come.</exception>
    public static ICollective? Join(TrainSpec spec, IRankChannel channel, Action<long, long> progress, DeviceType device)
    {
        if (spec.WorldSize == 1) return null;
        if (device == DeviceType.CUDA)
        {
            var ids = channel.Meet(spec.Rank == 0 ? Convert.ToHexStringLower(NcclApi.Loaded.NewId()) : "");
            var id = Convert.FromHexString(ids[0]);
            return new NcclCollective(NcclApi.Loaded, CudaRuntime.Loaded, torch.CUDA, id, spec.Rank, spec.WorldSize, _timeout, progress);
        }

        var listener = RingLinks.Listen(IPAddress.Parse(spec.ListenAddress));
        var endpoints = channel.Meet(listener.LocalEndPoint!.ToString()!).Select(IPEndPoint.Parse).ToList();
        return new RingCollective(RingLinks.Connect(spec.Rank, listener, endpoints, Convert.FromHexString(spec.Secret!), _timeout), progress);
    }
}
