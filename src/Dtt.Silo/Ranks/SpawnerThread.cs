namespace Dtt.Silo.Ranks;

/// <summary>
/// The one thread that starts children, alive as long as the process: the kernel's parent-death signal follows the thread that forked, so a pool
/// thread that ends would kill healthy ranks.
/// </summary>
internal static class SpawnerThread
{
    private static readonly System.Collections.Concurrent.BlockingCollection<Action> _work = [];

    static SpawnerThread() => new Thread(() =>
    {
        foreach (var action in _work.GetConsumingEnumerable()) action();
    })
    { IsBackground = true, Name = "spawner" }.Start();

    /// <summary>Runs a function on the thread.</summary>
    public static Task<T> RunAsync<T>(Func<T> function)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(() =>
        {
            try
            {
                done.SetResult(function());
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        });
        return done.Task;
    }
}
