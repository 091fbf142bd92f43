namespace Dtt.Silo.Hosting;

/// <summary>How many proven clients are connected.</summary>
internal sealed class ClientCount
{
    private int _now;

    public int Now => Volatile.Read(ref _now);

    public void Change(int by) => Interlocked.Add(ref _now, by);
}
